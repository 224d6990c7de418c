"""What does one subscriber get, in which order, and when does its stream end?"""

import asyncio
import time
from collections import Counter as Counts
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from prometheus_client import Counter, Gauge

from hil_inbox.domain.feed_frames import heartbeat, reset
from hil_inbox.domain.live_state import Live, LiveBoard, LiveKey
from hil_inbox.handlers.fan_out import FanOut

EVENTS_AT_ONCE = 200
BYTES_AT_ONCE = 256 * 1024
LIVE_WAITING_MAX = 1_000
PAUSE_SECONDS = 0.05
"""A subscriber is written to at most 20 times a second: 200 of them with 300 changes a second are 4,000 writes a second
and not 60,000. The first change after a pause goes out at once."""
SUBSCRIBERS = Gauge("hil_inbox_feed_subscribers", "Open streams of the feed.")
RESETS = Counter("hil_inbox_feed_resets_total", "Subscribers who had to fetch a snapshot anew.", ("reason",))


class TooMany(Exception):
    """The text names the limit; answered with 429."""


@dataclass(slots=True)
class Subscriber:
    """A place in the ring, and what was told meanwhile that holds for seconds only."""

    tenant: str
    cursor: int
    life: int
    live: OrderedDict[LiveKey, bytes] = field(default_factory=OrderedDict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, live: Live) -> None:
        """The newest of each is enough."""
        self.live[live.key] = live.frame
        if len(self.live) > LIVE_WAITING_MAX:
            self.live.popitem(last=False)
        self.changed.set()


@dataclass(slots=True)
class Feed:
    """All subscribers of this process. None has a queue of its own: each reads the ring at its own place, and one that
    falls out of it is told so."""

    fan_out: FanOut
    heartbeat_seconds: float
    subscribers_max: int
    subscribers_per_actor_max: int
    board: LiveBoard = field(default_factory=LiveBoard)
    _subscribers: dict[int, Subscriber] = field(default_factory=dict)
    _actors: "Counts[tuple[str, str]]" = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.fan_out.on_change = self._wake_all

    def hear(self, live: Live) -> None:
        """Somebody types, looks, comes or goes."""
        self.board.put(live)
        for subscriber in self._subscribers.values():
            if subscriber.tenant == live.key[1]:
                subscriber.hear(live)

    @contextmanager
    def place(self, tenant: str, actor_id: str) -> Iterator[None]:
        """A place for one more stream, for as long as the block runs. Raises TooMany."""
        who = (tenant, actor_id)
        if self._actors.total() >= self.subscribers_max:
            raise TooMany(f"{self.subscribers_max} streams are open here, and that is the limit")
        if self._actors[who] >= self.subscribers_per_actor_max:
            raise TooMany(f"{actor_id} has {self.subscribers_per_actor_max} open streams, and that is the limit")
        self._actors[who] += 1
        SUBSCRIBERS.inc()
        try:
            yield
        finally:
            SUBSCRIBERS.dec()
            self._actors[who] -= 1
            if not self._actors[who]:
                del self._actors[who]

    async def frames(self, tenant: str, cursor: int) -> AsyncGenerator[bytes, None]:
        """Everything of a tenant behind a cursor that the ring holds, then what comes, until the service stops or the
        subscriber has fallen out of the ring. What holds now comes first."""
        subscriber = Subscriber(tenant, cursor, self.fan_out.ring.life)
        for live in self.board.current(tenant, now_ms=_now_ms()):
            subscriber.hear(live)
        self._subscribers[id(subscriber)] = subscriber
        try:
            yield b"retry: 1000\n\n" + heartbeat(cursor, _now_ms())
            async for frame in self._following(subscriber):
                yield frame
        finally:
            del self._subscribers[id(subscriber)]

    async def _following(self, subscriber: Subscriber) -> AsyncIterator[bytes]:
        ring, beat_at = self.fan_out.ring, time.monotonic() + self.heartbeat_seconds
        while not self.fan_out.is_closed:
            subscriber.changed.clear()
            reason = "begun_anew" if ring.life != subscriber.life else "fell_behind"
            if reason == "begun_anew" or not ring.holds(subscriber.cursor):
                RESETS.labels(reason).inc()
                yield reset(reason, ring.position)
                return
            found = self._take(subscriber)
            if found:
                yield found
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if time.monotonic() >= beat_at:
                yield heartbeat(subscriber.cursor, _now_ms())
                beat_at = time.monotonic() + self.heartbeat_seconds
            await _within(subscriber.changed, beat_at - time.monotonic())

    def _take(self, subscriber: Subscriber) -> bytes:
        """What is next for a subscriber: a bounded piece of the ring, or what holds for seconds only."""
        ring = self.fan_out.ring
        frames: list[bytes] = []
        size = 0
        for event in ring.after(subscriber.cursor, EVENTS_AT_ONCE):
            subscriber.cursor = event.seq
            if event.tenant == subscriber.tenant:
                frames.append(event.frame)
                size += len(event.frame)
                if size > BYTES_AT_ONCE:
                    break
        if subscriber.cursor >= ring.newest:
            subscriber.cursor = ring.position
        frames += subscriber.live.values()
        subscriber.live.clear()
        return b"".join(frames)

    def _wake_all(self) -> None:
        for subscriber in self._subscribers.values():
            subscriber.changed.set()


async def _within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
