"""What becomes of a customer's turn, seen as a client application sees it?"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg

from contracts.conversations import MessageReceived, MessageSent, TurnRefused
from contracts.envelope import Identity, LogEntry, client_message_id
from contracts.executions import ExecutionFinished
from contracts.handovers import OpenHandover
from contracts.subjects import fence_of
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log

LOOK_SECONDS = 1.0
"""How often the log is read without a notice: notices are unstored and may be lost."""


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """What the log says of one turn so far."""

    messages: tuple[MessageSent, ...] = ()
    handover: OpenHandover | None = None
    refused: TurnRefused | None = None
    finished: ExecutionFinished | None = None

    @property
    def is_over(self) -> bool:
        """Nothing more will come of this turn without a person."""
        if self.finished is None:
            return self.refused is not None
        return self.finished.sink == "FINISH" or self.handover is not None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a customer. `id` is its deduplication id, the same for the same text."""

    tenant: str
    key: str
    message: MessageReceived

    @property
    def id(self) -> str:
        return client_message_id(self.tenant, self.key, turn_id=self.message.turn_id, text=self.message.text)


async def send_turn(connection: Connection, turn: Turn) -> int:
    """Publish it as any client application does; its stream sequence. Raises RetryLater or Refused."""
    return await publish(connection, turn.message, Identity(turn.tenant, turn.key, turn.id, turn.id))


async def wait_for_turn(connection: Connection, turn: Turn, *, timeout_seconds: float) -> TurnOutcome:
    """What the log says once the turn is over, or when the time is up. Raises RetryLater."""
    entries = await read_until(
        connection, turn.tenant, turn.key, lambda log: outcome_of(log, turn).is_over, timeout_seconds=timeout_seconds
    )
    return outcome_of(entries, turn)


async def read_until(
    connection: Connection,
    tenant: str,
    key: str,
    is_over: Callable[[Sequence[LogEntry]], bool],
    *,
    timeout_seconds: float,
) -> list[LogEntry]:
    """The log of a key once it is over, or when the time is up. Raises RetryLater."""
    told = asyncio.Event()

    async def notice(_: Msg) -> None:
        told.set()

    subscription = await connection.client.subscribe(fence_of(tenant, key), cb=notice)
    entries: list[LogEntry] = []
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    try:
        while True:
            told.clear()
            after = entries[-1].sequence if entries else 0
            entries += await Log(connection).read(tenant, key, after=after)
            left = deadline - asyncio.get_running_loop().time()
            if is_over(entries) or left <= 0:
                return entries
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_SECONDS, left)):
                    await told.wait()
    finally:
        await subscription.unsubscribe()


def outcome_of(entries: Iterable[LogEntry], turn: Turn) -> TurnOutcome:
    """What became of this very message: of its turn, if its text was the first; else of its refusal."""
    turn_id = turn.message.turn_id
    received = [entry.id for entry in entries if _starts(entry, turn_id)]
    if received and received[0] != turn.id:
        refusals = [entry.message for entry in entries if _refuses(entry, turn.id)]
        return TurnOutcome(refused=next((m for m in refusals if isinstance(m, TurnRefused)), None))
    messages: list[MessageSent] = []
    outcome = TurnOutcome()
    for entry in entries:
        outcome = _with(outcome, entry, turn, messages)
    return TurnOutcome(tuple(messages), outcome.handover, outcome.refused, outcome.finished)


def _with(outcome: TurnOutcome, entry: LogEntry, turn: Turn, messages: list[MessageSent]) -> TurnOutcome:
    match entry.message:
        case MessageSent(turn_id=turn.message.turn_id) as sent:
            messages.append(sent)
        case OpenHandover(turn_id=turn.message.turn_id) as handover:
            return TurnOutcome((), handover, outcome.refused, outcome.finished)
        case TurnRefused(input_id=turn.id) as refused:
            return TurnOutcome((), outcome.handover, refused, outcome.finished)
        case ExecutionFinished(turn_id=turn.message.turn_id) as finished:
            return TurnOutcome((), outcome.handover, outcome.refused, finished)
    return outcome


def _starts(entry: LogEntry, turn_id: str) -> bool:
    return isinstance(entry.message, MessageReceived) and entry.message.turn_id == turn_id


def _refuses(entry: LogEntry, input_id: str) -> bool:
    return isinstance(entry.message, TurnRefused) and entry.message.input_id == input_id
