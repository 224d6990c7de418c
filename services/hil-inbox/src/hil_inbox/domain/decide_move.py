"""May this handover be passed on, put to sleep or woken, and what is the fact then?"""

from contracts.handover_clocks import (
    HandoverSnoozed,
    HandoverWoken,
    OverrideHandover,
    SnoozeHandover,
    TransferHandover,
    WakeHandover,
)
from contracts.handovers import HandoverClaimed, HandoverRefused, HandoverReleased
from hil_inbox.domain.house_commands import AssignHandover, HouseCommand, RehomeHandover
from hil_inbox.domain.ownership import Ownership
from hil_inbox.domain.refuse import refuse, refused_end, refused_epoch, refused_open

SNOOZE_MS_MAX = 90 * 24 * 3_600_000
PauseCommand = SnoozeHandover | WakeHandover
Moved = HandoverClaimed | HandoverReleased | HandoverRefused


def decide_transfer(state: Ownership, command: TransferHandover, *, now_ms: int) -> Moved:
    """To exactly one of agent, queue and team; by the owner (supervisors override)."""
    refusal = refused_end(state, command)
    if refusal is not None:
        return refusal
    named = [to for to in (command.to_agent_id, command.to_queue, command.to_team) if to is not None]
    if len(named) != 1:
        detail = f"name exactly one of to_agent_id, to_queue and to_team, not {len(named)}"
        return refuse(state, command, "invalid_transfer", detail)
    if command.to_agent_id is not None:
        return _claimed(state, command, command.to_agent_id, reason="transferred", now_ms=now_ms, note=command.note)
    return HandoverReleased(
        handover_id=state.handover_id or "",
        ownership_epoch=state.epoch + 1,
        actor_id=command.actor_id,
        at_ms=now_ms,
        reason="transferred",
        queue=command.to_queue,
        team=command.to_team,
        previous_owner_id=state.owner_id,
        note=command.note,
    )


def decide_override(state: Ownership, command: OverrideHandover, *, now_ms: int) -> Moved:
    """From whoever owns it; whether the actor may is checked where the command comes in."""
    refusal = refused_open(state, command) or refused_epoch(state, command)
    if refusal is not None:
        return refusal
    if command.to_agent_id is not None:
        return _claimed(state, command, command.to_agent_id, reason="overridden", now_ms=now_ms, note=command.reason)
    if state.owner_id is None:
        return refuse(state, command, "not_owner", "nobody owns it; it waits in its queue")
    return _released(state, command, reason="rehomed", now_ms=now_ms)


def decide_house(state: Ownership, command: HouseCommand, *, now_ms: int) -> Moved:
    """What the inbox itself asks for; what changed since it looked makes it void."""
    refusal = refused_open(state, command) or refused_epoch(state, command)
    if refusal is not None:
        return refusal
    if isinstance(command, AssignHandover):
        if state.owner_id is not None:
            return refuse(state, command, "already_claimed", f"{state.owner_id} claimed it in epoch {state.epoch}")
        return _claimed(state, command, command.agent_id, reason="assigned", now_ms=now_ms, note="")
    if state.owner_id is None:
        return refuse(state, command, "not_owner", "nobody owns it; it waits in its queue")
    return _released(state, command, reason=command.reason, now_ms=now_ms)


def decide_pause(
    state: Ownership, command: PauseCommand, *, now_ms: int
) -> HandoverSnoozed | HandoverWoken | HandoverRefused:
    """By the owner; the customer's next message wakes it in any case."""
    refusal = refused_end(state, command)
    if refusal is not None:
        return refusal
    handover_id = state.handover_id or ""
    if isinstance(command, SnoozeHandover):
        if not now_ms < command.until_ms <= now_ms + SNOOZE_MS_MAX:
            detail = f"until_ms {command.until_ms}: must be after {now_ms} and within {SNOOZE_MS_MAX} ms of it"
            return refuse(state, command, "invalid_time", detail)
        return HandoverSnoozed(
            handover_id=handover_id, actor_id=command.actor_id, until_ms=command.until_ms, at_ms=now_ms
        )
    if state.waiting is None or state.waiting.snoozed_ms is None:
        return refuse(state, command, "not_snoozed", "it is not snoozed")
    return HandoverWoken(handover_id=handover_id, actor_id=command.actor_id, at_ms=now_ms)


def _claimed(
    state: Ownership,
    command: TransferHandover | OverrideHandover | HouseCommand,
    agent_id: str,
    *,
    reason: str,
    now_ms: int,
    note: str,
) -> HandoverClaimed:
    return HandoverClaimed(
        handover_id=state.handover_id or "",
        ownership_epoch=state.epoch + 1,
        actor_id=command.actor_id,
        at_ms=now_ms,
        agent_id=agent_id,
        reason=reason,
        previous_owner_id=state.owner_id,
        note=note,
    )


def _released(
    state: Ownership, command: OverrideHandover | RehomeHandover, *, reason: str, now_ms: int
) -> HandoverReleased:
    return HandoverReleased(
        handover_id=state.handover_id or "",
        ownership_epoch=state.epoch + 1,
        actor_id=command.actor_id,
        at_ms=now_ms,
        reason=reason,
        previous_owner_id=state.owner_id,
        note=command.reason if isinstance(command, OverrideHandover) else "",
    )
