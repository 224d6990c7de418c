"""How long has a customer waited for people, by the log alone?

One value for each conversation: its newest handover with its clocks. Times are log times; a snooze stops all clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import LogEntry
from contracts.handover_clocks import (
    Clock,
    HandoverBreached,
    HandoverDelivered,
    HandoverSnoozed,
    HandoverWoken,
    SlaTerms,
)
from contracts.handovers import HandoverClaimed, HandoverReleased, HandoverResolved, HandoverReturned, OpenHandover
from hil_inbox.domain.open_hours import NEVER_MS, end_of, open_between

CLOCKS: tuple[Clock, ...] = ("first_response", "next_response", "resolution")
PAUSES_MAX = 100
TimeFact = HandoverDelivered | HandoverSnoozed | HandoverWoken | HandoverBreached
ClockState = Literal["running", "paused", "met", "breached"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest handover of a conversation. `asked_ms`: the first message of the customer that no person answered
    since the first response; `pauses` are ended snoozes as (from, to)."""

    handover_id: str
    opened_ms: int
    terms: SlaTerms = field(default_factory=SlaTerms)
    delivered: HandoverDelivered | None = None
    queue: str = ""
    team: str | None = None
    first_response_ms: int | None = None
    asked_ms: int | None = None
    snoozed_ms: int | None = None
    snoozed_until_ms: int | None = None
    pauses: tuple[tuple[int, int], ...] = ()
    ended_ms: int | None = None
    breached: frozenset[tuple[Clock, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class ClockShown:
    """A clock as people see it; a paused one has no due time. `is_open`: what it waits for has not come yet."""

    state: ClockState
    due_ms: int | None
    is_open: bool


def fold_waiting(waiting: Waiting | None, entry: LogEntry) -> Waiting | None:
    """Take in one entry of the key's log, in order. Never raises; a repeat changes nothing."""
    match entry.message:
        case OpenHandover(handover_id=handover_id) if waiting is None or waiting.handover_id != handover_id:
            return Waiting(handover_id, entry.timestamp_ms)
        case HandoverClaimed(handover_id=handover_id) if waiting is None or waiting.handover_id != handover_id:
            return Waiting(handover_id, entry.timestamp_ms)  # Taken over from the AI: nobody waited, no terms.
        case _:
            return waiting if waiting is None else _changed(waiting, entry)


def clocks_of(waiting: Waiting) -> Mapping[Clock, ClockShown]:
    """The clocks that the terms have and that have begun."""
    shown: dict[Clock, ClockShown] = {}
    for clock in CLOCKS:
        begun = _begun(waiting, clock)
        if begun is not None:
            since_ms, allowed_ms, met_ms = begun
            shown[clock] = _shown(waiting, clock, due_ms=_due(waiting, since_ms, allowed_ms), met_ms=met_ms)
    return shown


def next_due(waiting: Waiting) -> int:
    """When the next clock that is still waited for is due; NEVER_MS without one. Breached ones are due since then."""
    found = (one.due_ms for one in clocks_of(waiting).values() if one.is_open)
    return min((due for due in found if due is not None), default=NEVER_MS)


def _changed(waiting: Waiting, entry: LogEntry) -> Waiting:
    now_ms = entry.timestamp_ms
    if waiting.ended_ms is not None:
        return waiting
    match entry.message:
        case HandoverReleased(queue=queue, team=team) if queue is not None or team is not None:
            return replace(_awake(waiting, now_ms), queue=queue or waiting.queue, team=team)
        case HandoverClaimed() | HandoverReleased():
            return _awake(waiting, now_ms)  # Who put it aside speaks no more.
        case HandoverResolved() | HandoverReturned():
            return replace(_awake(waiting, now_ms), ended_ms=now_ms)
        case MessageReceived(author="customer"):
            return _asked(_awake(waiting, now_ms), now_ms)
        case MessageSent(author="human_agent"):
            first = waiting.first_response_ms if waiting.first_response_ms is not None else now_ms
            return replace(waiting, first_response_ms=first, asked_ms=None)
        case HandoverDelivered() | HandoverSnoozed() | HandoverWoken() | HandoverBreached() as fact:
            return _timed(waiting, fact, now_ms) if fact.handover_id == waiting.handover_id else waiting
        case _:
            return waiting


def _timed(waiting: Waiting, fact: TimeFact, now_ms: int) -> Waiting:
    match fact:
        case HandoverDelivered() if waiting.delivered is not None:
            return waiting
        case HandoverDelivered():
            return replace(waiting, delivered=fact, terms=fact.terms, queue=waiting.queue or fact.queue)
        case HandoverSnoozed():
            return replace(_awake(waiting, now_ms), snoozed_ms=now_ms, snoozed_until_ms=fact.until_ms)
        case HandoverWoken():
            return _awake(waiting, now_ms)
        case HandoverBreached():
            return replace(waiting, breached=waiting.breached | {(fact.clock, fact.due_ms)})


def _asked(waiting: Waiting, now_ms: int) -> Waiting:
    """Before the first response its clock runs; after it each unanswered message starts the next one."""
    if waiting.first_response_ms is None or waiting.asked_ms is not None:
        return waiting
    return replace(waiting, asked_ms=now_ms)


def _awake(waiting: Waiting, now_ms: int) -> Waiting:
    if waiting.snoozed_ms is None:
        return waiting
    pauses = (*waiting.pauses, (waiting.snoozed_ms, now_ms))[-PAUSES_MAX:]
    return replace(waiting, snoozed_ms=None, snoozed_until_ms=None, pauses=pauses)


def _begun(waiting: Waiting, clock: Clock) -> tuple[int, int, int | None] | None:
    """(since, allowed open time, when it was met); None where the clock does not exist or has not begun."""
    terms, ended_ms = waiting.terms, waiting.ended_ms
    first_ms = waiting.first_response_ms if waiting.first_response_ms is not None else ended_ms
    since_ms, allowed_ms, met_ms = {
        "first_response": (waiting.opened_ms, terms.first_response_ms, first_ms),
        "next_response": (waiting.asked_ms, terms.next_response_ms, ended_ms),
        "resolution": (waiting.opened_ms, terms.resolution_ms, ended_ms),
    }[clock]
    return None if since_ms is None or allowed_ms is None else (since_ms, allowed_ms, met_ms)


def _due(waiting: Waiting, since_ms: int, allowed_ms: int) -> int | None:
    """When the allowed open time will have passed, pauses left out; None while it is paused before that."""
    left = allowed_ms
    for pause_ms, woken_ms in waiting.pauses:
        if woken_ms <= since_ms:
            continue
        passed = open_between(waiting.terms, since_ms, pause_ms)
        if passed >= left:
            return end_of(waiting.terms, since_ms, left)
        left -= passed
        since_ms = max(since_ms, woken_ms)
    due_ms = end_of(waiting.terms, since_ms, left)
    is_paused = waiting.snoozed_ms is not None and due_ms > waiting.snoozed_ms
    return None if is_paused else due_ms


def _shown(waiting: Waiting, clock: Clock, *, due_ms: int | None, met_ms: int | None) -> ClockShown:
    if due_ms is None:
        return ClockShown("paused", None, True)
    is_late = (clock, due_ms) in waiting.breached or (met_ms is not None and met_ms > due_ms)
    on_time: ClockState = "running" if met_ms is None else "met"
    return ClockShown("breached" if is_late else on_time, due_ms, met_ms is None)
