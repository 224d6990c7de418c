"""When is looked at who is there, and what happens while that is not known?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from contracts.envelope import LogEntry
from contracts.handover_clocks import HandoverDelivered, HandoverWoken
from contracts.handovers import HandoverFact
from hil_inbox.domain.read_model import View
from service_kit.errors import RetryLater

log = structlog.get_logger()
PAUSE_SECONDS = 0.1
"""Between two passes at least: changes that come together are one pass."""
BACK_OFF_SECONDS_MAX = 10.0
FAILED = Counter("hil_inbox_presence_passes_failed_total", "Passes that ended as Redis or the store was away.")


@dataclass(slots=True)
class Passes:
    """Runs these passes again and again: when `wake` is called, and every `every_seconds` at least. While Redis or the
    store is away it waits, twice as long each time, BACK_OFF_SECONDS_MAX at most."""

    passes: Sequence[Callable[[], Awaitable[int]]]
    every_seconds: float
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something has changed: look soon."""
        self._woken.set()

    async def follow(self, _: View, entry: LogEntry) -> None:
        """Called for what the documents show now."""
        if isinstance(entry.message, HandoverFact | HandoverDelivered | HandoverWoken):
            self.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        wait_seconds = self.every_seconds
        while not stop.is_set():
            self._woken.clear()
            try:
                for one in self.passes:
                    await one()
                wait_seconds = self.every_seconds
            except RetryLater as error:
                FAILED.inc()
                log.warning("presence.pass_failed", reason=str(error)[:200])
                wait_seconds = min(BACK_OFF_SECONDS_MAX, max(wait_seconds, PAUSE_SECONDS) * 2)
                await _either(stop, None, wait_seconds)
                continue
            await _either(stop, None, min(PAUSE_SECONDS, wait_seconds))
            await _either(stop, self._woken, wait_seconds)


async def _either(stop: asyncio.Event, woken: asyncio.Event | None, seconds: float) -> None:
    """Wait for one of them, `seconds` at most."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, woken) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
