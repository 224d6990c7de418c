"""Is this command being worked on already in this process?"""

import asyncio
from collections.abc import Awaitable, Callable

from service_kit.errors import RetryLater


class SingleFlight:
    """Runs the work of a command once; a second delivery that comes meanwhile waits for the end of the first."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Future[bool]] = {}

    async def once(self, command_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """The first delivery raises what the work raises, those that waited for it then raise RetryLater."""
        flight = self._flights.get(command_id)
        if flight is not None:
            if not await asyncio.shield(flight):
                raise RetryLater(f"the first delivery of {command_id} did not come to its end")
            return
        flight = self._flights[command_id] = asyncio.get_running_loop().create_future()
        came_to_its_end = False
        try:
            await work()
            came_to_its_end = True
        finally:
            del self._flights[command_id]
            flight.set_result(came_to_its_end)
