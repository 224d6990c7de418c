"""How do many messages reach a handler at once, and what becomes of each: ack, retry with delay, or dead letter?

For who counts messages rather than answers them: a task, a future, a span and a log line for each cost more than the
counting (ADR-0030)."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import structlog

from contracts.catalogue import UnreadableMessage
from contracts.streams import LOG, ConsumerSpec, StreamSpec
from service_kit.answers import RETRY_SECONDS, Answers, next_delay
from service_kit.bus import STOP_SECONDS, Delivery, Handler, in_trace_of, read_delivery, traceparent_of
from service_kit.connection import Connection
from service_kit.errors import RetryLater, Unprocessable
from service_kit.pull import Arrival, Pull
from service_kit.telemetry import count_messages, is_sampled, places_of

log = structlog.get_logger()

DELAY_MAX = timedelta(seconds=RETRY_SECONDS[-1])
BREATH = 200
"""Messages that are read before others in the process get their turn."""

BatchHandler: TypeAlias = Callable[[Sequence[Delivery]], Awaitable[None]]
BatchRoutes: TypeAlias = Mapping[type[Any], BatchHandler]
"""Message type -> handler, which gets all of a batch that are its own."""
Read: TypeAlias = tuple[Arrival, Delivery]


def one_by_one(handler: Handler) -> BatchHandler:
    """A handler of single messages, for a type of which few come. Where one fails, those before it come again, too."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await handler(delivery)

    return handle


@dataclass(slots=True)
class BatchConsumer:
    """Hands over what came while the batch before was handled, at most `batch_max` messages in hand.

    A batch succeeds or comes again as a whole. Where a bug of ours broke it, each of its messages is tried alone, so
    that one cannot take the others with it."""

    connection: Connection
    spec: ConsumerSpec
    routes: BatchRoutes
    batch_max: int = 2_000
    deliveries_max: int = 20
    stream: StreamSpec = LOG
    trace_ratio: float = 0.01
    running: bool = False
    _waiting: list[Arrival] = field(default_factory=list)
    _in_hand: list[Arrival] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Answers(self.connection)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; then finish what is in hand for at most 15 s (the rest is redelivered)."""
        pull = Pull(self.connection, self.stream.name, self.spec.name, self._receive, self._changed.set)
        await pull.open()
        beating, settling, stopping = (
            asyncio.create_task(one) for one in (self._beat(), self._settle_all(), stop.wait())
        )
        stopping.add_done_callback(lambda _: self._changed.set())
        self.running = True
        try:
            while not stop.is_set():
                self._changed.clear()
                await self._ask(pull)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self._changed.wait()
        finally:
            self.running = False
            await pull.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._all_settled()
            for task in (beating, settling, stopping):
                task.cancel()

    async def _ask(self, pull: Pull) -> None:
        pull.expire()
        room = self.batch_max - len(self._in_hand) - len(self._waiting) - pull.outstanding
        if room >= max(1, self.batch_max // 4) and self.connection.ready:
            await pull.ask(room)

    def _receive(self, arrival: Arrival) -> None:
        self._waiting.append(arrival)
        self._arrived.set()

    async def _settle_all(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._in_hand, self._waiting = self._waiting, []
            await self._settle(self._in_hand)
            self._in_hand = []
            self._changed.set()

    async def _all_settled(self) -> None:
        while self._waiting or self._in_hand:
            self._changed.clear()
            await self._changed.wait()

    async def _settle(self, batch: Sequence[Arrival]) -> None:
        started, outcomes = time.perf_counter(), Counter[tuple[str, str]]()
        read = await self._read_all(batch, outcomes)
        for handle, own in self._by_handler(read):
            await self._handle(handle, own, outcomes)
        seconds = time.perf_counter() - started
        for (type_name, outcome), messages in outcomes.items():
            count_messages(self.connection.service, type_name, outcome, seconds=seconds, messages=messages)
        told = Counter(outcome for _, outcome in outcomes.elements())
        log.info("messages.handled", first=batch[0].sequence, seconds=round(seconds, 6), messages=len(batch), **told)

    async def _read_all(self, batch: Sequence[Arrival], outcomes: Counter[tuple[str, str]]) -> list[Read]:
        """Those that are to be handled. Where a bug of ours breaks the reading of one, the others go on."""
        rest, read = deque(batch), list[Read]()
        while rest:
            [error] = await asyncio.gather(self._read_some(rest, read, outcomes), return_exceptions=True)
            if isinstance(error, Exception):
                await self._broken(rest.popleft(), error, outcomes)
            elif error is not None:
                raise error
        return read

    async def _read_some(self, rest: deque[Arrival], read: list[Read], outcomes: Counter[tuple[str, str]]) -> None:
        while rest:
            arrival = rest[0]
            if self.spec.passes_over(arrival.msg.subject):
                await self._answers.accept(arrival)
            elif (delivery := await self._read(arrival, outcomes)) is not None:
                read.append((arrival, delivery))
            rest.popleft()
            if len(rest) % BREATH == 0:
                await asyncio.sleep(0)

    async def _read(self, arrival: Arrival, outcomes: Counter[tuple[str, str]]) -> Delivery | None:
        """None where it is settled already."""
        try:
            if arrival.attempt > self.deliveries_max:
                raise Unprocessable(f"given up after {self.deliveries_max} deliveries")
            delivery = await read_delivery(self.connection, arrival)
            if type(delivery.message) not in self.routes:
                raise Unprocessable(f"{self.spec.name} has no handler for {delivery.message.route.type}")
        except RetryLater as error:
            await self._retry(arrival, error, outcomes)
        except (Unprocessable, UnreadableMessage) as error:
            await self._bury(arrival, str(error), outcomes)
        else:
            return delivery
        return None

    def _by_handler(self, read: Sequence[Read]) -> Iterable[tuple[BatchHandler, list[Read]]]:
        found: dict[int, tuple[BatchHandler, list[Read]]] = {}
        for one in read:
            handle = self.routes[type(one[1].message)]
            found.setdefault(id(handle), (handle, []))[1].append(one)
        return found.values()

    async def _handle(self, handle: BatchHandler, read: Sequence[Read], outcomes: Counter[tuple[str, str]]) -> None:
        handling = self._handle_in_traces(handle, [one for _, one in read])
        [error] = await asyncio.gather(handling, return_exceptions=True)
        if error is None:
            for arrival, _ in read:
                await self._answers.accept(arrival)
                outcomes[type_of(arrival), "ok"] += 1
        elif isinstance(error, RetryLater):
            for arrival, _ in read:
                await self._retry(arrival, error, outcomes)
        elif not isinstance(error, Exception):
            raise error
        elif len(read) > 1:
            for one in read:
                await self._handle(handle, [one], outcomes)
        else:
            await self._broken(read[0][0], error, outcomes)

    async def _handle_in_traces(self, handle: BatchHandler, deliveries: Sequence[Delivery]) -> None:
        with ExitStack() as spans:
            for delivery in deliveries:
                if is_sampled(traceparent_of(delivery.entry, ratio=self.trace_ratio)):
                    spans.enter_context(in_trace_of(delivery, ratio=self.trace_ratio))
            await handle(deliveries)

    async def _broken(self, arrival: Arrival, error: Exception, outcomes: Counter[tuple[str, str]]) -> None:
        """Our bug, or what the handler says can never work."""
        if isinstance(error, Unprocessable):
            return await self._bury(arrival, str(error), outcomes)
        log.error("message.bug", type=type_of(arrival), error=type(error).__name__, at=places_of(error))
        outcomes[type_of(arrival), "bug"] += 1
        delay = self._answers.count_bug(arrival)
        if delay is not None:
            await self._answers.send_back(arrival, delay)
        elif not await self._answers.bury(arrival, f"bug: {error!r}"):
            await self._answers.send_back(arrival, DELAY_MAX)

    async def _retry(self, arrival: Arrival, error: RetryLater, outcomes: Counter[tuple[str, str]]) -> None:
        outcomes[type_of(arrival), "retry"] += 1
        await self._answers.send_back(arrival, error.after or next_delay(arrival.attempt))

    async def _bury(self, arrival: Arrival, reason: str, outcomes: Counter[tuple[str, str]]) -> None:
        outcomes[type_of(arrival), "dead_letter"] += 1
        if not await self._answers.bury(arrival, reason):
            await self._answers.send_back(arrival, next_delay(arrival.attempt))

    async def _beat(self) -> None:
        """Tell the server of long work before `ack_wait` ends."""
        every = self.spec.ack_wait_seconds / 3
        while True:
            await asyncio.sleep(every)
            before = time.monotonic() - every * 0.9
            for arrival in [arrival for arrival in (*self._in_hand, *self._waiting) if arrival.since < before]:
                await self._answers.beat(arrival)


def type_of(arrival: Arrival) -> str:
    """Its CloudEvents type."""
    return arrival.msg.subject.rsplit(".", 2)[0]
