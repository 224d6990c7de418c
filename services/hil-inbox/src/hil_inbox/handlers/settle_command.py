"""How does a person's command become exactly one answer in the log?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from prometheus_client import Counter

from contracts.conversations import SendMessage
from contracts.envelope import Identity, LogEntry, Message, derive_message_id
from contracts.handovers import HandoverRefused
from hil_inbox.domain.decide_command import Command, DeskCommand, decide_command, is_overtaken, owed_replies
from hil_inbox.domain.ownership import Ownership, Stored, answer_id, fold, fold_all
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from service_kit.log import FenceRefused

TRIES_MAX = 200
"""A try takes about a millisecond; each is lost only because something else was stored for the key meanwhile."""

ANSWERS = Counter("hil_inbox_answers_total", "Commands of human agents, by their answer.", ("command", "answer"))

WAIT_FOR_REPLIES_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.03

Publish = Callable[[Message, Identity], Awaitable[int]]
Clock = Callable[[], int]


class Log(Protocol):
    """The logs of all keys (service_kit.log)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...

    async def append(self, message: Message, identity: Identity, *, fence: int) -> LogEntry: ...


class States(Protocol):
    """Folded conversations kept in memory, bounded."""

    def get(self, tenant: str, key: str) -> Ownership | None: ...

    def put(self, state: Ownership) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What settling a command needs."""

    log: Log
    states: States
    now_ms: Clock
    publish: Publish

    async def known(self, tenant: str, key: str, *, through: int) -> Ownership:
        """The conversation as it is in memory, read on only where that ends before `through`: a beginning of its log,
        good enough for what is appended behind a fence."""
        state = self.states.get(tenant, key)
        if state is not None and state.sequence >= through:
            return state
        return await self._read(state or Ownership(tenant, key), through or None)

    async def through(self, delivery: Delivery) -> Ownership:
        """The conversation through a delivered message, which is folded as it came where it follows what is known."""
        tenant, key, entry = delivery.subject.tenant, delivery.subject.key, delivery.entry
        state = self.states.get(tenant, key)
        if state is None or state.sequence != delivery.follows:
            return await self.known(tenant, key, through=entry.sequence)
        state = fold(state, entry)
        self.states.put(state)
        return state

    async def newest(self, tenant: str, key: str) -> Ownership:
        """The conversation folded through the end of its log, which the server has to search for: far dearer."""
        return await self._read(self.states.get(tenant, key) or Ownership(tenant, key), None)

    async def after_refusal(self, state: Ownership, refused: FenceRefused) -> Ownership:
        """The conversation with what got in before an append. A fence that went down means that the log was archived:
        it is read anew."""
        last = refused.last_sequence
        if last and last < state.sequence:
            state = Ownership(state.tenant, state.key)
        return await self._read(state, last or None)

    async def _read(self, state: Ownership, until: int | None) -> Ownership:
        entries = await self.log.read(state.tenant, state.key, after=state.sequence, until=until)
        state = fold_all(state, entries)
        self.states.put(state)
        return state


class Refusals(Enum):
    """What becomes of a refusal. Over HTTP somebody waits for it; from the bus it must be a fact to be heard."""

    ANSWERED = "answered"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, whose conversation it is about, and the id of what caused it. `sequence` is of something in that
    conversation which its sender has surely seen."""

    tenant: str
    key: str
    command: Command
    caused_by: str
    refusals: Refusals
    sequence: int = 0

    @property
    def identity(self) -> Identity:
        """Of the answer: the same for every delivery of the command."""
        id_ = answer_id(self.tenant, self.key, self.command.command_id)
        return Identity(self.tenant, self.key, id_, self.caused_by)


async def settle(desk: Desk, asked: Asked) -> Stored:
    """Decide, and append the answer fenced; `sequence` is 0 for a refusal that is only answered.

    What is in memory is enough to decide on: the fence proves a fact, and a refusal that something newer could turn is
    given only after the log was read to its end. A command that has its answer gets the same one again. Raises
    RetryLater when the key never stands still."""
    identity = asked.identity
    state = await desk.known(asked.tenant, asked.key, through=asked.sequence)
    is_newest, patience = False, _Patience()
    for _ in range(TRIES_MAX):
        state = await _after_own_replies(desk, asked, state, patience)
        now_ms = max(desk.now_ms(), state.log_ms)
        answer = state.answers.get(identity.id) or Stored(decide_command(state, asked.command, now_ms=now_ms), 0)
        is_refused = isinstance(answer.fact, HandoverRefused)
        if is_refused and not (answer.sequence or is_newest or is_overtaken(state, asked.command)):
            state, is_newest = await desk.newest(asked.tenant, asked.key), True
            continue
        if answer.sequence or (is_refused and asked.refusals is Refusals.ANSWERED):
            return _counted(asked.command, answer)
        try:
            entry = await desk.log.append(answer.fact, identity, fence=state.sequence)
        except FenceRefused as refused:
            state, is_newest = await desk.after_refusal(state, refused), True
            continue
        return _counted(asked.command, Stored(answer.fact, entry.sequence))
    raise RetryLater(f"{asked.tenant}.{asked.key}: {TRIES_MAX} tries, and each found something newer in the log")


async def settle_delivery(delivery: Delivery, *, desk: Desk) -> None:
    """A command from the bus."""
    command, subject, entry = delivery.message, delivery.subject, delivery.entry
    assert isinstance(command, DeskCommand)
    await settle(desk, Asked(subject.tenant, subject.key, command, entry.id, Refusals.STORED, entry.sequence))


@dataclass(slots=True)
class _Patience:
    """How long a command still waits for its sender's own replies, and which of them were let go."""

    deadline: float = 0.0
    released: set[str] = field(default_factory=set)

    def is_over(self) -> bool:
        """Counted from the first question."""
        now = asyncio.get_running_loop().time()
        self.deadline = self.deadline or now + WAIT_FOR_REPLIES_SECONDS
        return now >= self.deadline


async def _after_own_replies(desk: Desk, asked: Asked, state: Ownership, patience: _Patience) -> Ownership:
    """The conversation; where its owner gives it up, as it is once what they have said is sent, else the new epoch
    would keep it back. Where the orchestrator does not get round to it, they are told (`reply_in_flight`)."""
    while asked.identity.id not in state.answers:
        owed = owed_replies(state, asked.command)
        if not owed or patience.is_over():
            return state
        await _release(desk, asked, [reply for reply in owed if reply.message_id not in patience.released])
        patience.released |= {reply.message_id for reply in owed}
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        state = await desk.newest(asked.tenant, asked.key)
    return state


async def _release(desk: Desk, asked: Asked, held: Sequence[SendMessage]) -> None:
    """The undo window of these ends now."""
    for reply in held:
        if reply.hold_ms:
            at_once = reply.model_copy(update={"hold_ms": 0})
            id_ = derive_message_id(f"{asked.tenant}/{asked.key}/{reply.message_id}", "hil-inbox/let-go")
            await desk.publish(at_once, Identity(asked.tenant, asked.key, id_, asked.caused_by))


def _counted(command: Command, answer: Stored) -> Stored:
    reason = answer.fact.reason if isinstance(answer.fact, HandoverRefused) else "done"
    ANSWERS.labels(_name(command), reason).inc()
    return answer


def _name(command: Command) -> str:
    return command.route.name if isinstance(command, DeskCommand) else type(command).__name__
