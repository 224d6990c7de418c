"""Is the same request on its way already in this process?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True)
class _Flight(Generic[Result]):
    work: "asyncio.Task[Result]"
    waiting: int = 0


@dataclass(slots=True)
class Coalescer(Generic[Result]):
    """Callers with the same key share one piece of work. One who goes away does not disturb the others; when nobody
    waits any more, the work is cancelled."""

    _flights: dict[str, _Flight[Result]] = field(default_factory=dict)

    async def once(
        self, key: str, work: Callable[[], Awaitable[Result]], *, wait_seconds: float | None = None
    ) -> tuple[Result, bool]:
        """What the work returns or raises, and whether it was somebody else's. Who waits for somebody else's gets
        TimeoutError after `wait_seconds`; one's own work knows its deadline itself."""
        flight = self._flights.get(key)
        shared = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(_awaited(work)))
        flight.waiting += 1
        try:
            async with asyncio.timeout(wait_seconds if shared else None):
                return await asyncio.shield(flight.work), shared
        finally:
            flight.waiting -= 1
            if flight.waiting == 0:
                flight.work.cancel()  # Done already, unless all who waited went away.
            if (flight.work.done() or flight.waiting == 0) and self._flights.get(key) is flight:
                del self._flights[key]


async def _awaited(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()
