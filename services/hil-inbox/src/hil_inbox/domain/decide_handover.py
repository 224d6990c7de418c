"""May this person claim, release, resolve or return this conversation, and what is the fact then?"""

from typing import assert_never

from contracts.envelope import derive_message_id
from contracts.handovers import (
    ClaimHandover,
    HandoverClaimed,
    HandoverFact,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    ReleaseHandover,
    ResolveHandover,
    ReturnHandover,
)
from hil_inbox.domain.ownership import Ownership
from hil_inbox.domain.refuse import refuse, refused_end, refused_epoch

SpeakerCommand = ClaimHandover | ReleaseHandover | ResolveHandover | ReturnHandover


def decide_handover(state: Ownership, command: SpeakerCommand, *, now_ms: int) -> HandoverFact | HandoverRefused:
    """The fact to append, with the next epoch, or the refusal that names who was first."""
    refusal = _refused_claim(state, command) if isinstance(command, ClaimHandover) else refused_end(state, command)
    return refusal or _fact(state, command, now_ms)


def _refused_claim(state: Ownership, command: ClaimHandover) -> HandoverRefused | None:
    if not state.is_known:
        return refuse(state, command, "unknown_conversation", "nothing was ever said in this conversation")
    if state.owner_id is not None:
        return refuse(state, command, "already_claimed", f"{state.owner_id} claimed it in epoch {state.epoch}")
    if command.handover_id and command.handover_id != state.handover_id:
        return refuse(state, command, "no_open_handover", f"handover {command.handover_id} is not open")
    return refused_epoch(state, command)


def _fact(state: Ownership, command: SpeakerCommand, now_ms: int) -> HandoverFact:
    handover_id = state.handover_id or derive_message_id(f"{state.tenant}/{state.key}", f"take-over/{state.epoch}")
    actor_id, epoch = command.actor_id, state.epoch + 1
    match command:
        case ClaimHandover():
            return HandoverClaimed(
                handover_id=handover_id, ownership_epoch=epoch, actor_id=actor_id, at_ms=now_ms, agent_id=actor_id
            )
        case ReleaseHandover():
            return HandoverReleased(
                handover_id=handover_id,
                ownership_epoch=epoch,
                actor_id=actor_id,
                at_ms=now_ms,
                previous_owner_id=state.owner_id,
            )
        case ResolveHandover():
            return HandoverResolved(
                handover_id=handover_id,
                ownership_epoch=epoch,
                actor_id=actor_id,
                at_ms=now_ms,
                resolution=command.resolution,
            )
        case ReturnHandover():
            return HandoverReturned(
                handover_id=handover_id,
                ownership_epoch=epoch,
                actor_id=actor_id,
                at_ms=now_ms,
                outcome=command.outcome,
                facts=command.facts,
                promises=command.promises,
                not_again=command.not_again,
            )
        case _:  # pragma: no cover - the type checker proves that it cannot be
            assert_never(command)


def refuse_reply(state: Ownership, actor_id: str, *, ownership_epoch: int, message_id: str) -> HandoverRefused | None:
    """Why this person's reply cannot be sent, if that is sure already; the orchestrator has the last word."""
    command = ReleaseHandover(command_id=message_id, actor_id=actor_id, ownership_epoch=ownership_epoch)
    if state.owner_id != actor_id:
        return refuse(state, command, "not_owner", f"{state.owner_id or 'nobody'} owns it, not {actor_id}")
    return refused_epoch(state, command)
