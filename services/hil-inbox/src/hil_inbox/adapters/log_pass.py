"""How is the log of all keys read once, in order and without a gap, for as long as the process lives?"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.envelope import LogEntry
from contracts.streams import ConsumerSpec, StreamSpec
from contracts.subjects import Subject, SubjectError, parse_subject
from service_kit.connection import Connection
from service_kit.entries import read_entry
from service_kit.errors import RetryLater
from service_kit.pull import Arrival

log = structlog.get_logger()

BATCH = 256
PULL_SECONDS = 5.0
SILENCE_SECONDS = PULL_SECONDS + 3.0
"""Every request is answered before this, if only with "nothing came"; a server that is silent has forgotten it."""
IDLE_SECONDS_MAX = 30.0
"""The server forgets the consumer of a process that asks no more."""
AGAIN_SECONDS = 0.3
ENDED = ("404", "408")
"""Statuses that end a request because nothing (more) came in time."""
PENDING_BYTES_MAX = 256 * 1024 * 1024


class Broken(Exception):
    """The consumer is gone, or something of it was lost on the way: another one starts behind what came last."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One message of the stream, in order; `entry` is None where its content cannot be read now."""

    sequence: int
    stored_ms: int
    subject: Subject
    entry: LogEntry | None


@dataclass(slots=True)
class LogPass:
    """One ephemeral consumer without acknowledgements at a time; the next one goes on where it broke.

    `position`: every message of the consumer's types up to here was given out."""

    connection: Connection
    spec: ConsumerSpec
    stream: StreamSpec
    position: int = 0
    _created: datetime | None = None
    _consumer: str = ""
    _count: int = 0
    _asked: int = 0
    _reconnects: int = -1
    _prefix: str = ""
    _subscription: Subscription | None = None
    _arrived: "asyncio.Queue[Msg]" = field(default_factory=asyncio.Queue)

    async def begin(self) -> int:
        """Read the stream that is there now; its newest sequence. Raises NatsError or TimeoutError."""
        info = await self.connection.jetstream.stream_info(self.stream.name)
        self._created = info.created
        return int(info.state.last_seq)

    async def last_sequence(self) -> int:
        """The newest sequence of the stream. Raises NatsError or TimeoutError."""
        return int((await self.connection.jetstream.stream_info(self.stream.name)).state.last_seq)

    async def batches(self) -> AsyncIterator[Sequence[Passed]]:
        """What comes, in order, for ever; an empty batch when nothing came for a while. Ends when the stream is not the
        one that was begun (another was created, or it ends before `position`): what was given out is then not in it."""
        try:
            while True:
                found: Sequence[Passed] = ()
                try:
                    if not self._is_open():
                        if await self._is_replaced():
                            return
                        await self._open()
                    found = await self._next()
                except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
                    self._lose(str(error) or type(error).__name__)
                yield found
                if not self._is_open():
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            await self._close()

    async def prove(self) -> int:
        """A sequence before which nothing of ours is left that was not given out, 0 if that cannot be said now."""
        if not self._is_open():
            return 0
        with suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
            last = await self.last_sequence()  # First: what is stored after it may be pending or not.
            info = await self.connection.jetstream.consumer_info(self.stream.name, self._consumer)
            delivered = info.delivered.consumer_seq if info.delivered else 0
            if info.num_pending == 0 and delivered == self._count:
                return last
        return 0

    async def _is_replaced(self) -> bool:
        info = await self.connection.jetstream.stream_info(self.stream.name)
        return info.created != self._created or int(info.state.last_seq) < self.position

    def _is_open(self) -> bool:
        return bool(self._consumer) and self._reconnects == self.connection.client.stats["reconnects"]

    async def _open(self) -> None:
        await self._close()
        client = self.connection.client
        self._reconnects = client.stats["reconnects"]
        self._prefix, self._arrived, self._count, self._asked = client.new_inbox(), asyncio.Queue(), 0, 0
        arrived = self._arrived

        async def receive(msg: Msg) -> None:
            arrived.put_nowait(msg)

        self._subscription = await client.subscribe(
            f"{self._prefix}.*", cb=receive, pending_msgs_limit=-1, pending_bytes_limit=PENDING_BYTES_MAX
        )
        config = ConsumerConfig(
            filter_subjects=list(self.spec.filters),
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.position + 1,
            inactive_threshold=IDLE_SECONDS_MAX,
            num_replicas=1,
            mem_storage=True,
        )
        self._consumer = (await self.connection.jetstream.add_consumer(self.stream.name, config)).name

    def _lose(self, reason: str) -> None:
        log.warning("feed.pass_broken", reason=reason, sequence=self.position)
        self._consumer = ""

    async def _close(self) -> None:
        self._consumer = ""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _next(self) -> list[Passed]:
        """What has come by now, at least one message unless the server says that there is none."""
        if self._asked == 0:
            question = json.dumps({"batch": BATCH, "expires": int(PULL_SECONDS * 1e9)}).encode()
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream.name}.{self._consumer}"
            await self.connection.client.publish(subject, question, reply=f"{self._prefix}.0")
            self._asked = BATCH
        async with asyncio.timeout(SILENCE_SECONDS):
            found = [await self._arrived.get()]
        while not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        passed: list[Passed] = []
        try:
            for msg in found:
                passed += await self._take(msg)
        except Broken as broken:  # What came before it is whole, and is given out.
            self._lose(str(broken))
        return passed

    async def _take(self, msg: Msg) -> list[Passed]:
        """Count it; nothing for what is no message of the log. Raises Broken."""
        if msg.subject.startswith(self._prefix):
            status = (msg.headers or {}).get("Status")
            if status not in ENDED:
                raise Broken(f"status {status}")
            self._asked = 0
            return []
        arrival = Arrival.of(msg)
        if arrival.delivered != self._count + 1:
            raise Broken(f"delivery {arrival.delivered} came after {self._count}")
        self._count, self._asked, self.position = arrival.delivered, self._asked - 1, arrival.sequence
        try:
            subject = parse_subject(msg.subject)
        except SubjectError:
            return []  # No client of ours can have sent it, and no view shows it.
        return [Passed(arrival.sequence, arrival.stored_ms, subject, await self._entry(arrival))]

    async def _entry(self, arrival: Arrival) -> LogEntry | None:
        msg, headers = arrival.msg, dict(arrival.msg.headers or {})
        jetstream, sequence, stored_ms = self.connection.jetstream, arrival.sequence, arrival.stored_ms
        try:
            return await read_entry(jetstream, msg.subject, msg.data, headers, sequence=sequence, stored_ms=stored_ms)
        except RetryLater:
            return None
