"""How does a message reach its handler, and what becomes of it: ack, retry with delay, or dead letter?"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

import structlog

from contracts.catalogue import UnreadableMessage
from contracts.envelope import Identity, LogEntry, Message
from contracts.streams import LOG, ConsumerSpec, StreamSpec
from contracts.subjects import Subject, parse_subject
from service_kit.answers import RETRY_SECONDS, Answers, next_delay
from service_kit.connection import Connection
from service_kit.entries import decode, encode, entry_of, whole_body
from service_kit.errors import RetryLater, Unprocessable
from service_kit.log import fenced_on
from service_kit.pull import Arrival, Pull
from service_kit.telemetry import count_message, handling, places_of, root_traceparent

log = structlog.get_logger()

KEY_QUEUE_MAX = 64
"""Deliveries of one key waiting in one process; more go back for a second, so that other keys get on."""
STOP_SECONDS = 15.0
UNPROVEN = 2**63


class Order(Enum):
    """Whether deliveries of one key are handled one after the other."""

    BY_KEY = "by_key"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message handed to a handler.

    `complete_from`: from this stream sequence up to this message, every message of the consumer came to this process
    and none was sent back; larger than any sequence while that is not known (ARCHITECTURE 1, rule 2). `follows`: the
    sequence of the key's entry right before this one, where its sender's fence proves it."""

    subject: Subject
    message: Message
    entry: LogEntry
    attempt: int
    complete_from: int
    follows: int | None = None


Handler = Callable[[Delivery], Awaitable[None]]
Routes = Mapping[type[Any], Handler]
"""Message type -> handler; the key is invariant, so a table of one type needs no annotation."""


async def publish(connection: Connection, message: Message, identity: Identity) -> int:
    """Publish a fact or an unfenced command surely; its stream sequence. The same id is stored once within the
    deduplication window and ignored by folds after it. Raises RetryLater."""
    subject, body, headers = await encode(message, identity, jetstream=connection.jetstream, service=connection.service)
    return await connection.publish_surely(subject, body, headers={**headers, "Nats-Msg-Id": identity.id})


async def read_delivery(
    connection: Connection, arrival: Arrival, complete_from: int = UNPROVEN, *, proves_completeness: bool = False
) -> Delivery:
    """What a handler gets of an arrival. Raises UnreadableMessage, or RetryLater where its content lies elsewhere and
    cannot be read now."""
    msg = arrival.msg
    headers = dict(msg.headers or {})
    body = await whole_body(connection.jetstream, msg.data, headers)
    message = decode(msg.subject, body, headers)
    entry = entry_of(message, sequence=arrival.sequence, stored_ms=arrival.stored_ms, body=body, headers=headers)
    subject = parse_subject(msg.subject)
    follows = fenced_on(headers, subject.tenant, subject.key) if proves_completeness else None
    return Delivery(subject, message, entry, arrival.attempt, complete_from, follows)


def traceparent_of(entry: LogEntry, *, ratio: float) -> str:
    """The trace that a message belongs to: its sender's, or one of its own, which is sampled for `ratio` of all."""
    return entry.traceparent or root_traceparent(entry.id, ratio=ratio)


def in_trace_of(delivery: Delivery, *, ratio: float) -> AbstractContextManager[None]:
    """Handle a message inside its trace."""
    subject, entry = delivery.subject, delivery.entry
    attributes = {
        "messaging.system": "nats",
        "messaging.destination.name": subject.type,
        "messaging.message.id": entry.id,
        "messaging.message.conversation_id": subject.key,
    }
    return handling(f"process {subject.type}", traceparent_of(entry, ratio=ratio), attributes)


@dataclass(slots=True)
class Consumer:
    """Runs the handlers of one durable consumer, at most `concurrency` messages in hand at once.

    `deliveries_max` None never gives up on outside trouble (the orchestrator). Our own bugs become dead letters after
    five tries in any case. `proves_completeness` False on replicas, where an earlier unfenced message may be delivered
    after a later one was folded, and stored below one with a fence. `delay_max` bounds the wait before a message comes
    again: deliveries to processes that died count too, and an input of the orchestrator must not rest for minutes
    because of them."""

    connection: Connection
    spec: ConsumerSpec
    routes: Routes
    concurrency: int = 64
    order: Order = Order.NONE
    deliveries_max: int | None = 20
    stream: StreamSpec = LOG
    trace_ratio: float = 0.01
    proves_completeness: bool = True
    delay_max: timedelta = timedelta(seconds=RETRY_SECONDS[-1])
    running: bool = False
    _in_hand: "dict[int, Arrival]" = field(default_factory=dict)
    _lanes: dict[str, deque[tuple[Arrival, int]]] = field(default_factory=dict)
    _bugs: dict[int, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _delivered: int = -1
    _complete_from: int = UNPROVEN
    _passed_over: int = 0
    _reconnects: int = 0
    _answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Answers(self.connection)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; then finish what is in hand for at most 15 s (the rest is redelivered)."""
        pull = Pull(self.connection, self.stream.name, self.spec.name, self._receive, self._changed.set)
        await pull.open()
        beating = asyncio.create_task(self._beat())
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._changed.set())
        self.running = True
        try:
            while not stop.is_set():
                self._changed.clear()
                pull.expire()
                room = self.concurrency - len(self._in_hand) - pull.outstanding
                if room >= max(1, self.concurrency // 4) and self.connection.ready:
                    await pull.ask(room)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self._changed.wait()
        finally:
            self.running = False
            await pull.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in (beating, stopping, *self._tasks):
                task.cancel()

    def _receive(self, arrival: Arrival) -> None:
        """Called in order of arrival."""
        reconnects, self._reconnects = self._reconnects, self.connection.client.stats["reconnects"]
        if reconnects != self._reconnects:  # A server that was killed may count deliveries from an earlier state.
            self._complete_from = UNPROVEN
        in_order = arrival.attempt == 1 and arrival.delivered == self._delivered + 1
        self._delivered = arrival.delivered
        if arrival.attempt == 1 and (not in_order or self._complete_from == UNPROVEN):
            self._complete_from = arrival.sequence
        elif arrival.attempt > 1:
            self._complete_from = UNPROVEN
        self._in_hand[id(arrival)] = arrival  # Not by number: a killed server may use one again.
        complete_from = self._complete_from if self.proves_completeness else UNPROVEN
        lane = arrival.lane if self.order is Order.BY_KEY else str(id(arrival))
        waiting = self._lanes.get(lane)
        if waiting is None:
            self._lanes[lane] = deque([(arrival, complete_from)])
            self._start(self._drain(lane))
        elif len(waiting) < KEY_QUEUE_MAX:
            waiting.append((arrival, complete_from))
        else:
            self._start(self._send_back(arrival, timedelta(seconds=1)))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, lane: str) -> None:
        waiting = self._lanes[lane]
        while waiting:
            arrival, complete_from = waiting[0]
            await self._settle(arrival, max(complete_from, self._passed_over + 1))
            self._in_hand.pop(id(arrival), None)
            waiting.popleft()
            self._changed.set()
        del self._lanes[lane]

    async def _settle(self, arrival: Arrival, complete_from: int) -> None:
        """Handle one message and say to the server what became of it."""
        if self.spec.passes_over(arrival.msg.subject):
            return await self._answers.accept(arrival)
        started = time.perf_counter()
        outcome, reason = "ok", None
        type_name = arrival.msg.subject.rsplit(".", 2)[0]
        try:
            await self._handle(arrival, complete_from)
            await self._answers.accept(arrival)
        except RetryLater as error:
            outcome, reason = "retry", str(error)
            await self._send_back(arrival, error.after or min(next_delay(arrival.attempt), self.delay_max))
        except (Unprocessable, UnreadableMessage) as error:
            outcome = "dead_letter"
            await self._bury(arrival, str(error))
        except Exception as error:  # The one place: our bug. Tried again with delay, then kept as a dead letter.
            outcome, reason = "bug", type(error).__name__  # Its text may quote content; the dead letter has it.
            log.error("message.bug", type=type_name, error=reason, at=places_of(error))
            await self._count_bug(arrival, error)
        seconds = time.perf_counter() - started
        count_message(self.connection.service, type_name, outcome, seconds)
        log.info(
            "message.handled",
            type=type_name,
            key=arrival.lane,
            sequence=arrival.sequence,
            attempt=arrival.attempt,
            seconds=round(seconds, 6),
            outcome=outcome,
            reason=reason,
        )

    async def _handle(self, arrival: Arrival, complete_from: int) -> None:
        if self.deliveries_max is not None and arrival.attempt > self.deliveries_max:
            raise Unprocessable(f"given up after {self.deliveries_max} deliveries")
        delivery = await read_delivery(
            self.connection, arrival, complete_from, proves_completeness=self.proves_completeness
        )
        handler = self.routes.get(type(delivery.message))
        if handler is None:
            raise Unprocessable(f"{self.spec.name} has no handler for {delivery.message.route.type}")
        with in_trace_of(delivery, ratio=self.trace_ratio):
            await handler(delivery)

    async def _count_bug(self, arrival: Arrival, error: Exception) -> None:
        delay = self._answers.count_bug(arrival)
        if delay is None:
            return await self._bury(arrival, f"bug: {error!r}")
        await self._send_back(arrival, delay)

    async def _send_back(self, arrival: Arrival, delay: timedelta) -> None:
        self._pass_over(arrival)
        self._in_hand.pop(id(arrival), None)
        await self._answers.send_back(arrival, delay)
        self._changed.set()

    def _pass_over(self, arrival: Arrival) -> None:
        """What came was not handled, so nothing proves that it was folded: neither to what waits in its lane already
        nor to what comes later."""
        self._passed_over = max(self._passed_over, arrival.sequence)

    async def _bury(self, arrival: Arrival, reason: str) -> None:
        """Keep the message as a dead letter, then take it off the consumer; sent back if even that fails."""
        self._pass_over(arrival)
        if not await self._answers.bury(arrival, reason):
            await self._send_back(arrival, min(next_delay(arrival.attempt), self.delay_max))

    async def _beat(self) -> None:
        """Tell the server of long work before `ack_wait` ends."""
        every = self.spec.ack_wait_seconds / 3
        while True:
            await asyncio.sleep(every)
            before = time.monotonic() - every * 0.9
            for arrival in [arrival for arrival in self._in_hand.values() if arrival.since < before]:
                await self._answers.beat(arrival)
