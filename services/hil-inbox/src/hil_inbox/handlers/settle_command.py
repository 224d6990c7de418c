"""How does a person's command become exactly one answer in the log?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from prometheus_client import Counter

from contracts.conversations import SendMessage
from contracts.envelope import Identity, LogEntry, Message, derive_message_id
from contracts.handovers import HandoverRefused
from hil_inbox.domain.decide_command import Command, DeskCommand, decide_command, owed_replies
from hil_inbox.domain.ownership import Ownership, Stored, answer_id, fold_all
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

    def forget(self, tenant: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What settling a command needs."""

    log: Log
    states: States
    now_ms: Clock
    publish: Publish

    async def current(self, tenant: str, key: str, *, until: int | None = None) -> Ownership:
        """The conversation folded through the end of its log, at least through `until`."""
        state = self.states.get(tenant, key) or Ownership(tenant, key)
        if until is not None and until <= state.sequence:
            until = None
        state = fold_all(state, await self.log.read(tenant, key, after=state.sequence, until=until))
        self.states.put(state)
        return state

    def read_on(self, state: Ownership, last_sequence: int) -> int | None:
        """How far to read after a refused append. A fence that went down means that the log was archived: read it
        anew."""
        if last_sequence and last_sequence < state.sequence:
            self.states.forget(state.tenant, state.key)
        return last_sequence or None


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

    A command that has its answer gets the same one again. Raises RetryLater when the key never stands still, or when
    the orchestrator does not get round to sending what its owner has just said."""
    identity, state = asked.identity, await _after_own_replies(desk, asked)
    for _ in range(TRIES_MAX):
        now_ms = max(desk.now_ms(), state.log_ms)
        answer = state.answers.get(identity.id) or Stored(decide_command(state, asked.command, now_ms=now_ms), 0)
        is_refused = isinstance(answer.fact, HandoverRefused)
        if answer.sequence or (is_refused and asked.refusals is Refusals.ANSWERED):
            return _counted(asked.command, answer)
        try:
            entry = await desk.log.append(answer.fact, identity, fence=state.sequence)
        except FenceRefused as refused:
            until = desk.read_on(state, refused.last_sequence)
            state = await desk.current(asked.tenant, asked.key, until=until)
            continue
        return _counted(asked.command, Stored(answer.fact, entry.sequence))
    raise RetryLater(f"{asked.tenant}.{asked.key}: {TRIES_MAX} tries, and each found something newer in the log")


async def settle_delivery(delivery: Delivery, *, desk: Desk) -> None:
    """A command from the bus."""
    command, subject, entry = delivery.message, delivery.subject, delivery.entry
    assert isinstance(command, DeskCommand)
    await settle(desk, Asked(subject.tenant, subject.key, command, entry.id, Refusals.STORED, entry.sequence))


async def _after_own_replies(desk: Desk, asked: Asked) -> Ownership:
    """The conversation as it is now; where its owner gives it up, as it is once what they have said is sent: else the
    new epoch would keep it back."""
    deadline = asyncio.get_running_loop().time() + WAIT_FOR_REPLIES_SECONDS
    released: set[str] = set()
    while True:
        state = await desk.current(asked.tenant, asked.key, until=asked.sequence)
        owed = () if asked.identity.id in state.answers else owed_replies(state, asked.command)
        if not owed:
            return state
        if asyncio.get_running_loop().time() >= deadline:
            names = ", ".join(reply.message_id for reply in owed)
            raise RetryLater(
                f"{asked.key}: replies {names[:200]} are still not sent after {WAIT_FOR_REPLIES_SECONDS} s"
            )
        await _release(desk, asked, [reply for reply in owed if reply.message_id not in released])
        released |= {reply.message_id for reply in owed}
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


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
