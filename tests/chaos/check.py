"""Which promises does a history break?

Pure. It knows the contracts and the simulation, nothing of the orchestrator; `replay.py` beside it re-decides."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.conversations import MessageReceived, MessageSent, MessageSuppressed, SendMessage
from contracts.envelope import Decision
from contracts.executions import ExecutionFinished
from contracts.handovers import (
    ApprovalDecided,
    DecideApproval,
    HandoverClaimed,
    HandoverCommand,
    HandoverFact,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenHandover,
)
from tests.chaos.client import Execution
from tests.chaos.history import Key, Stored
from tests.chaos.people import answer_id
from tests.chaos.simulate import FINISH, Ending, Expected

LATE_MS = 5_000
"""A timer that is overdue for longer should have fired."""
Kind = Literal["lost", "duplicated", "stuck", "wrong"]
Log = Sequence[Stored]


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    kind: Kind
    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known after the system came to rest. `effects` are (idempotency key, value) in order;
    `waiting` is what consumers have not settled."""

    acknowledged: Collection[tuple[Key, str]]
    executions: Sequence[Execution]
    expected: Mapping[Execution, Expected]
    logs: Mapping[Key, Log]
    effects: Sequence[tuple[str | None, str]]
    timers_due: Mapping[Key, int]
    waiting: Mapping[str, int]
    now_ms: int


def findings(evidence: Evidence) -> list[Finding]:
    """Every broken promise, in no order."""
    return [
        *_lost_inputs(evidence),
        *_repeated_decisions(evidence),
        *(found for execution in evidence.executions for found in _execution(evidence, execution)),
        *_effects(evidence),
        *(found for key, log in evidence.logs.items() for found in _people(key, log)),
        *_still_waiting(evidence),
    ]


def _lost_inputs(evidence: Evidence) -> Iterator[Finding]:
    stored = {(key, message.entry.id) for key, log in evidence.logs.items() for message in log}
    for key, message_id in set(evidence.acknowledged) - stored:
        yield Finding("lost", key, f"input {message_id} was acknowledged and is not in the log")


def _repeated_decisions(evidence: Evidence) -> Iterator[Finding]:
    for key, log in evidence.logs.items():
        decisions = [stored.entry for stored in log if isinstance(stored.entry.message, Decision)]
        yield from _twice(key, "decision", (f"{e.message.route.name} {e.id}" for e in decisions if e.message))
        messages = [entry.message for entry in decisions]
        finished = (m.execution_id for m in messages if isinstance(m, ExecutionFinished))
        yield from _twice(key, "end of execution", finished)
        sent = [m for m in messages if isinstance(m, MessageSent)]
        yield from _twice(key, "sent message", (m.message_id for m in sent))
        yield from _twice(key, "answer to turn", (f"{m.turn_id} {m.kind}" for m in sent if m.author == "ai"))


def _twice(key: Key, what: str, names: Iterable[str | None]) -> Iterator[Finding]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Finding("duplicated", key, f"{what} {name}: {times} times")


def _execution(evidence: Evidence, execution: Execution) -> Iterator[Finding]:
    log = evidence.logs.get(execution.key, ())
    end = next((stored for stored in log if _ends(stored, execution)), None)
    if end is None:
        if not left_to_people(log, execution.turn):
            begun = any(_belongs(stored, execution) for stored in log)
            kind: Kind = "stuck" if begun else "lost"
            yield Finding(kind, execution.key, f"turn {execution.turn!r} of {execution.workflow} has no end")
        return
    message = end.entry.message
    assert isinstance(message, ExecutionFinished)
    expected = evidence.expected[execution]
    ending: Ending = (message.sink, message.reason)
    allowed = expected.endings | ({("HANDOVER", "taken_over")} if _was_claimed(log, execution, end) else set())
    if ending not in allowed:
        text = f"turn {execution.turn!r} of {execution.workflow} ended {ending} ({message.detail}), not {set(allowed)}"
        yield Finding("wrong", execution.key, text)
    yield from _said(log, execution, message, expected)
    if ending == FINISH:
        seen = {value for _, value in evidence.effects}
        for value in expected.effects_due - seen:
            yield Finding("lost", execution.key, f"effect {value} is missing")


def _ends(stored: Stored, execution: Execution) -> bool:
    message = stored.entry.message
    return isinstance(message, ExecutionFinished) and (message.turn_id or "") == execution.turn


def _belongs(stored: Stored, execution: Execution) -> bool:
    message = stored.entry.message
    name = f"{execution.key[1]}:{execution.turn}" if execution.turn else execution.key[1]
    return isinstance(message, Decision) and message.execution_id == name


def _was_claimed(log: Log, execution: Execution, end: Stored) -> bool:
    """Whether a person took the conversation between the turn and its end."""
    since = _turn_sequence(log, execution.turn)
    claims = (stored.entry.sequence for stored in log if isinstance(stored.entry.message, HandoverClaimed))
    return any(since < claim < end.entry.sequence for claim in claims)


def _turn_sequence(log: Log, turn: str) -> int:
    mine = (s.entry for s in log if isinstance(s.entry.message, MessageReceived) and s.entry.message.turn_id == turn)
    return min((entry.sequence for entry in mine), default=0)


def left_to_people(log: Log, turn: str) -> bool:
    """Whether a turn without an execution is right: people were in charge after it came, or are now; and no later turn
    was answered without that."""
    if not turn:
        return False
    came = _turn_sequence(log, turn)
    ends = [s.entry.sequence for s in log if isinstance(s.entry.message, HandoverResolved | HandoverReturned)]
    after = [end for end in ends if end > came]
    answered = {s.entry.message.turn_id for s in log if isinstance(s.entry.message, ExecutionFinished)}
    later = [sequence for name in answered if (sequence := _turn_sequence(log, name or "")) > came]
    if later:
        return any(end < min(later) for end in after)
    return bool(after) or _in_charge(log)


def _in_charge(log: Log) -> bool:
    """Whether the conversation is with people at the end of the log."""
    state = False
    for stored in log:
        if isinstance(stored.entry.message, OpenHandover | HandoverClaimed | HandoverReleased):
            state = True
        elif isinstance(stored.entry.message, HandoverResolved | HandoverReturned):
            state = False
    return state


def _said(log: Log, execution: Execution, end: ExecutionFinished, expected: Expected) -> Iterator[Finding]:
    """What the customer, or the caller, was told."""
    key = execution.key
    messages = [s.entry.message for s in log if isinstance(s.entry.message, MessageSent)]
    mine = [m for m in messages if m.author == "ai" and (m.turn_id or "") == execution.turn]
    if not execution.turn:
        if end.sink == "FINISH" and end.output != expected.reply:
            yield Finding("wrong", key, f"output {end.output!r}, not {expected.reply!r}")
        wanted: set[str | None] = {None}
    elif end.sink == "FINISH":
        wanted = {expected.reply}
    else:
        wanted = set(expected.texts.get(end.reason or "", frozenset({None})))
    said: set[str | None] = {message.text for message in mine} or {None}
    if not said <= wanted:
        yield Finding("wrong", key, f"turn {execution.turn!r}: said {said}, expected one of {wanted}")


def _effects(evidence: Evidence) -> Iterator[Finding]:
    possible = {value for expected in evidence.expected.values() for value in expected.effects_possible}
    keys: Counter[str] = Counter(key for key, _ in evidence.effects if key is not None)
    values: Counter[str] = Counter(value for _, value in evidence.effects)
    for what, counts in (("idempotency key", keys), ("effect", values)):
        for name, times in counts.items():
            if times > 1:
                yield Finding("duplicated", ("?", name), f"{what} {name}: {times} times")
    for value in values.keys() - possible:
        yield Finding("wrong", ("?", value), f"effect {value} belongs to no execution")


def _people(key: Key, log: Log) -> Iterator[Finding]:
    messages = [stored.entry.message for stored in log]
    facts = [stored.entry for stored in log if isinstance(stored.entry.message, HandoverFact)]
    yield from _twice(
        key, "epoch", (str(f.message.ownership_epoch) for f in facts if isinstance(f.message, HandoverFact))
    )
    yield from _twice(key, "verdict", (m.approval_id for m in messages if isinstance(m, ApprovalDecided)))
    ids = {stored.entry.id for stored in log}
    for message in messages:
        if isinstance(message, HandoverCommand | DecideApproval) and answer_id(key, message.command_id) not in ids:
            yield Finding("stuck", key, f"{message.route.name} {message.command_id} has no answer")
    handled = {m.message_id for m in messages if isinstance(m, MessageSent | MessageSuppressed)}
    for message in messages:
        if isinstance(message, SendMessage) and message.message_id not in handled:
            yield Finding("lost", key, f"reply {message.message_id} of {message.author_id} was never sent")
    yield from _two_speakers(key, log)


def _two_speakers(key: Key, log: Log) -> Iterator[Finding]:
    owner: str | None = None
    for stored in log:
        message = stored.entry.message
        if isinstance(message, HandoverClaimed):
            owner = message.agent_id
        elif isinstance(message, HandoverFact):
            owner = None
        elif isinstance(message, MessageSent) and message.author == "ai" and owner is not None:
            yield Finding("wrong", key, f"the AI sent {message.message_id} while {owner} had the conversation")


def _still_waiting(evidence: Evidence) -> Iterator[Finding]:
    for key, due_ms in evidence.timers_due.items():
        if due_ms < evidence.now_ms - LATE_MS:
            yield Finding("stuck", key, f"a timer is overdue for {evidence.now_ms - due_ms} ms")
    for consumer, count in evidence.waiting.items():
        if count > 0:
            yield Finding("stuck", ("?", consumer), f"{count} messages wait for {consumer}")
