"""How do the messages of the log become one stream of changes that any number of subscribers follows?"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client import Counter, Gauge

from contracts.envelope import LogEntry
from hil_inbox.adapters.log_pass import LogPass, Passed
from hil_inbox.domain.feed_frames import change_frame
from hil_inbox.domain.feed_ring import FeedEvent, FeedRing
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import View
from service_kit.errors import RetryLater

log = structlog.get_logger()

AGAIN_SECONDS = 0.5
EVENTS = Counter("hil_inbox_feed_events_total", "Changes put into the feed.")
LAG = Gauge("hil_inbox_feed_position", "Stream sequence through which the feed has come.")


class Log(Protocol):
    """The logs of all keys, with what was archived of them (service_kit.archive)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...


@dataclass(slots=True)
class FanOut:
    """One pass over the log for all subscribers of this process; `ring` is what they read.

    The pass starts `ring.events_max` messages back, so that a cursor from before a restart, or from another replica,
    is served by this one too (ADR-0019)."""

    log: Log
    log_pass: LogPass
    ring: FeedRing
    views_max: int
    is_closed: bool = False
    _views: OrderedDict[tuple[str, str], View] = field(default_factory=OrderedDict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _wakers: set[Callable[[], None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop`, then let every subscriber end."""
        following = asyncio.create_task(self._follow())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            self.is_closed = True
            self._wake()
            for task in (following, stopping):
                task.cancel()
            await asyncio.wait({following, stopping})

    def on_change(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each change; the answer ends that."""
        self._wakers.add(wake)
        return lambda: self._wakers.discard(wake)

    async def reach(self, cursor: int, *, timeout_seconds: float) -> str:
        """Wait until the pass has come to a cursor: `held`, or why what follows it cannot be told without a hole:
        `too_old`, `ahead` (of everything stored: it is from another stream), `late` (not reached in time)."""
        try:
            async with asyncio.timeout(timeout_seconds):
                last = await self.log_pass.last_sequence()
                while not self._is_started or self.ring.position < min(cursor, last):
                    await self._next_change()
                if cursor > last:
                    return "ahead"
                return "held" if cursor >= self.ring.floor else "too_old"
        except TimeoutError:
            return "late"
