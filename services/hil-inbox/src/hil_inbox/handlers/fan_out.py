"""How do the messages of the log become one stream of changes that any number of subscribers follows?"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import nats.errors
import nats.js.errors
import structlog
from prometheus_client import Counter, Gauge

from contracts.envelope import LogEntry
from hil_inbox.adapters.log_pass import LogPass, Passed
from hil_inbox.domain.feed_frames import change_frame
from hil_inbox.domain.feed_ring import FeedEvent, FeedRing
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import View
from service_kit.errors import RetryLater
from service_kit.tasks import end_task

log = structlog.get_logger()

AGAIN_SECONDS = 0.5
PROVE_SECONDS = 0.2
TRIES_MAX = 3
"""Each waits 25 s for a message that was delivered and cannot be read: somebody has purged it."""
READS_AT_ONCE = 32
"""More would only wait in the server, which begins each search anew for whoever has lost patience."""
EVENTS = Counter("hil_inbox_feed_events_total", "Changes put into the feed.")
POSITION = Gauge("hil_inbox_feed_position", "Stream sequence through which the feed has come.")
Key = tuple[str, str]


class Log(Protocol):
    """The logs of all keys, with what was archived of them (service_kit.archive)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...


@dataclass(slots=True)
class Unfolded:
    """A conversation, and the entries that follow in its log."""

    view: View
    entries: list[LogEntry]


@dataclass(slots=True)
class FanOut:
    """One pass over the log for all subscribers of this process; `ring` is what they read.

    The pass starts `ring.events_max` messages back, so that a cursor from before a restart, or from another replica,
    is served by this one too (ADR-0019)."""

    log: Log
    log_pass: LogPass
    ring: FeedRing
    views_max: int
    is_started: bool = False
    is_closed: bool = False
    on_change: Callable[[], None] = lambda: None
    _views: OrderedDict[Key, View] = field(default_factory=OrderedDict)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_ONCE))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _folding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _proving: "asyncio.Task[None] | None" = None

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
            for task in (following, stopping, self._proving):
                if task is not None:
                    await end_task(task)

    async def reach(self, cursor: int | None, *, timeout_seconds: float) -> tuple[str, int]:
        """Wait until the pass has come to a cursor (None: the end of the stream as it is now). `held` and the cursor;
        or why what follows it cannot be told without a hole, and the newest position: `too_old`, `ahead` (of all that
        is stored: it is from another stream), `late` (not reached in time)."""
        try:
            async with asyncio.timeout(timeout_seconds):
                last = await self.log_pass.last_sequence()
                asked = last if cursor is None else cursor
                while not self.is_closed and (not self.is_started or self.ring.position < min(asked, last)):
                    await self.prove()
                    if self.ring.position < min(asked, last):
                        await self._change_within(PROVE_SECONDS)
        except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
            return "late", self.ring.position
        if self.is_closed:
            return "late", self.ring.position
        if asked > last:
            return "ahead", self.ring.position
        return ("held", asked) if self.ring.holds(asked) else ("too_old", self.ring.position)

    async def prove(self) -> None:
        """Bring `position` to the end of the stream if nothing of ours is left before it; once for all who ask."""
        if self._proving is None or self._proving.done():
            self._proving = asyncio.create_task(self._prove())
        await asyncio.shield(self._proving)

    async def _prove(self) -> None:
        life = self.ring.life
        proven = await self.log_pass.prove()
        async with self._folding:  # What was taken before the proof is in the ring now.
            if self.is_started and life == self.ring.life and proven > self.ring.position:
                self.ring.advance(proven)
                self._wake()

    async def _change_within(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._changed.wait())
        await asyncio.wait({waiting}, timeout=seconds)
        waiting.cancel()

    async def _follow(self) -> None:
        while True:
            await self._start()
            async for batch in self.log_pass.batches():
                if batch:
                    async with self._folding:
                        await self._fold_surely(batch)
                    self._wake()
            log.error("feed.stream_replaced", sequence=self.ring.position)

    async def _start(self) -> None:
        """At the place from which the newest `events_max` messages are told."""
        while True:
            try:
                floor = max(0, await self.log_pass.begin() - self.ring.events_max)
                break
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await asyncio.sleep(AGAIN_SECONDS)
        self._restart(floor)
        self.log_pass.position = floor
        self.is_started = True
        self._wake()

    def _restart(self, floor: int) -> None:
        self._views.clear()
        self.ring.restart(floor)

    async def _fold_surely(self, batch: Sequence[Passed]) -> None:
        for _ in range(TRIES_MAX):
            try:
                return await self._fold(batch)
            except RetryLater as error:
                log.warning("feed.log_unreadable", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
        log.error("feed.started_anew", sequence=batch[-1].sequence)
        self._restart(batch[-1].sequence)

    async def _fold(self, batch: Sequence[Passed]) -> None:
        """Folded in the order of the stream; logs of conversations that are not kept are read at once."""
        passed_of: dict[Key, list[Passed]] = {}
        for passed in batch:
            passed_of.setdefault((passed.subject.tenant, passed.subject.key), []).append(passed)
        found = await asyncio.gather(*(self._unfolded(key, of_key) for key, of_key in passed_of.items()))
        unfolded = dict(zip(passed_of, found, strict=True))
        for passed in batch:
            conversation = unfolded[passed.subject.tenant, passed.subject.key]
            due = [entry for entry in conversation.entries if entry.sequence <= passed.sequence]
            del conversation.entries[: len(due)]
            conversation.view = fold_views(conversation.view, due)
            self.ring.append(_event(passed, conversation.view))
        for key, conversation in unfolded.items():
            self._keep(key, conversation.view)
        EVENTS.inc(len(batch))
        POSITION.set(self.ring.position)

    async def _unfolded(self, key: Key, passed: Sequence[Passed]) -> Unfolded:
        """What follows in a key's log. The pass leaves out nothing that documents show, so what it brought of a key
        that is kept is all. Of another one, everything behind the ring's floor: what a subscriber may have missed of it
        meanwhile was perhaps archived, and comes in no message any more."""
        view, target = self._views.get(key), passed[-1].sequence
        brought = [one.entry for one in passed if one.entry is not None]
        if view is not None and len(brought) == len(passed):
            return Unfolded(view, brought)
        async with self._reads:
            entries = await self.log.read(*key, until=target)
        view = fold_views(View(*key), [entry for entry in entries if entry.sequence <= self.ring.floor])
        return Unfolded(view, [entry for entry in entries if self.ring.floor < entry.sequence <= target])

    def _keep(self, key: Key, view: View) -> None:
        self._views[key] = view
        self._views.move_to_end(key)
        if len(self._views) > self.views_max:
            self._views.popitem(last=False)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self.on_change()


def _event(passed: Passed, view: View) -> FeedEvent:
    subject = passed.subject
    frame = change_frame(
        passed.sequence,
        {"tenant": subject.tenant, "key": subject.key, "type": subject.type, "at_ms": passed.stored_ms},
        view.changed,
    )
    return FeedEvent(passed.sequence, subject.tenant, frame)
