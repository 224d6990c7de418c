"""Why does a person's command have no effect?"""

from typing import Protocol

from contracts.handovers import HandoverRefused
from hil_inbox.domain.ownership import Ownership


class AboutHandover(Protocol):
    """A command on the open handover of a conversation; an empty id means whichever is open."""

    @property
    def command_id(self) -> str: ...

    @property
    def handover_id(self) -> str: ...

    @property
    def actor_id(self) -> str: ...

    @property
    def ownership_epoch(self) -> int: ...


def refuse(state: Ownership, command: AboutHandover, reason: str, detail: str) -> HandoverRefused:
    """A command without effect, for this reason; names who owns the conversation and since when."""
    return HandoverRefused(
        command_id=command.command_id,
        handover_id=command.handover_id or state.handover_id or "",
        actor_id=command.actor_id,
        reason=reason,
        owner_id=state.owner_id,
        ownership_epoch=state.epoch,
        detail=detail,
        since_ms=state.owned_since_ms if state.owner_id is not None else None,
    )


def refused_open(state: Ownership, command: AboutHandover) -> HandoverRefused | None:
    """No handover is open, or another one than the sender saw."""
    if state.handover_id is not None and command.handover_id in ("", state.handover_id):
        return None
    return refuse(state, command, "no_open_handover", f"handover {command.handover_id or '(any)'} is not open")


def refused_end(state: Ownership, command: AboutHandover) -> HandoverRefused | None:
    """Only the owner gives up what is owned."""
    refusal = refused_open(state, command)
    if refusal is not None:
        return refusal
    if state.owner_id != command.actor_id:
        owner = state.owner_id or "nobody"
        return refuse(state, command, "not_owner", f"{owner} owns it, not {command.actor_id}")
    return refused_epoch(state, command)


def refused_epoch(state: Ownership, command: AboutHandover) -> HandoverRefused | None:
    """The speaker has changed since the sender looked."""
    if command.ownership_epoch == state.epoch:
        return None
    return refuse(state, command, "stale_epoch", f"asked in epoch {command.ownership_epoch}, it is {state.epoch} now")
