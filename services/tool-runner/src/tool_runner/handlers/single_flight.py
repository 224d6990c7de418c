"""Is this command being worked on already in this process?"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs the work of a command once; a second delivery that comes meanwhile shares the end of the first."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def once(self, command_id: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises what the work raises, in every delivery that waits for it."""
        flight = self._flights.get(command_id)
        if flight is not None:
            return await asyncio.shield(flight)
        flight = self._flights[command_id] = asyncio.create_task(work())
        flight.add_done_callback(lambda _: self._flights.pop(command_id, None))
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            flight.cancel()
            raise
