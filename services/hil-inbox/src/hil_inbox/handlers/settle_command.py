"""How does a person's command become exactly one answer in the log?"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from prometheus_client import Counter

from contracts.envelope import Identity, LogEntry, Message
from contracts.handovers import DecideApproval, HandoverRefused
from hil_inbox.domain.decide_approval import decide_approval
from hil_inbox.domain.decide_handover import SpeakerCommand, decide_handover
from hil_inbox.domain.ownership import InboxFact, Ownership, Stored, answer_id, fold_all
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from service_kit.log import FenceRefused

TRIES_MAX = 200
"""A try takes about a millisecond; each is lost only because something else was stored for the key meanwhile."""

ANSWERS = Counter("hil_inbox_answers_total", "Commands of human agents, by their answer.", ("command", "answer"))

Command = SpeakerCommand | DecideApproval
Clock = Callable[[], int]


class Log(Protocol):
    """The logs of all keys (service_kit.log)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...

    async def append(self, message: Message, identity: Identity, *, fence: int) -> LogEntry: ...


class States(Protocol):
    """Folded conversations kept in memory, bounded."""

    def get(self, tenant: str, key: str) -> Ownership | None: ...

    def put(self, state: Ownership) -> None: ...

    def forget(self, tenant: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What settling a command needs."""

    log: Log
    states: States
    now_ms: Clock

    async def current(self, tenant: str, key: str, *, until: int | None = None) -> Ownership:
        """The conversation folded through the end of its log, at least through `until`."""
        state = self.states.get(tenant, key) or Ownership(tenant, key)
        if until is not None and until <= state.sequence:
            until = None
        state = fold_all(state, await self.log.read(tenant, key, after=state.sequence, until=until))
        self.states.put(state)
        return state


class Refusals(Enum):
    """What becomes of a refusal. Over HTTP somebody waits for it; from the bus it must be a fact to be heard."""

    ANSWERED = "answered"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, whose conversation it is about, and the id of what caused it."""

    tenant: str
    key: str
    command: Command
    caused_by: str
    refusals: Refusals
    sequence: int | None = None

    @property
    def identity(self) -> Identity:
        """Of the answer: the same for every delivery of the command."""
        id_ = answer_id(self.tenant, self.key, self.command.command_id)
        return Identity(self.tenant, self.key, id_, self.caused_by)


async def settle(desk: Desk, asked: Asked) -> Stored:
    """Decide, and append the answer fenced; `sequence` is 0 for a refusal that is only answered.

    A command that has its answer gets the same one again. Raises RetryLater when the key never stands still."""
    identity, until = asked.identity, asked.sequence
    for _ in range(TRIES_MAX):
        state = await desk.current(asked.tenant, asked.key, until=until)
        answer = state.answers.get(identity.id) or Stored(_decide(state, asked.command, now_ms=desk.now_ms()), 0)
        is_refused = isinstance(answer.fact, HandoverRefused)
        if answer.sequence or (is_refused and asked.refusals is Refusals.ANSWERED):
            return _counted(asked.command, answer)
        try:
            entry = await desk.log.append(answer.fact, identity, fence=state.sequence)
        except FenceRefused as refused:
            until = _next_target(desk, state, refused.last_sequence)
            continue
        return _counted(asked.command, Stored(answer.fact, entry.sequence))
    raise RetryLater(f"{asked.tenant}.{asked.key}: {TRIES_MAX} tries, and each found something newer in the log")


async def settle_delivery(delivery: Delivery, *, desk: Desk) -> None:
    """A command from the bus."""
    command, subject, entry = delivery.message, delivery.subject, delivery.entry
    assert isinstance(command, Command)
    await settle(desk, Asked(subject.tenant, subject.key, command, entry.id, Refusals.STORED, entry.sequence))


def _decide(state: Ownership, command: Command, *, now_ms: int) -> InboxFact:
    if isinstance(command, DecideApproval):
        return decide_approval(state, command, now_ms=now_ms)
    return decide_handover(state, command, now_ms=now_ms)


def _next_target(desk: Desk, state: Ownership, last_sequence: int) -> int | None:
    """How far to read after a refusal. A fence that went down means that the log was archived: read it anew."""
    if last_sequence and last_sequence < state.sequence:
        desk.states.forget(state.tenant, state.key)
    return last_sequence or None


def _counted(command: Command, answer: Stored) -> Stored:
    reason = answer.fact.reason if isinstance(answer.fact, HandoverRefused) else "done"
    ANSWERS.labels(command.route.name, reason).inc()
    return answer
