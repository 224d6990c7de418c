"""Through which sequence is everything counted, asked by many and read seldom?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from analytics.domain.rollup import Settled

READ_SECONDS = 0.5


@dataclass(slots=True)
class NewestCount:
    """Read from the server at most twice a second, however many ask: other replicas count too, so this process's own
    work would not tell. `clock` is in seconds and never goes back."""

    read_settled: Callable[[], Awaitable[Settled]]
    clock: Callable[[], float]
    _read_at: float = float("-inf")
    _newest: int = 0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> int:
        """The sequence. Raises RetryLater."""
        async with self._reading:
            if self.clock() - self._read_at >= READ_SECONDS:
                self._newest = (await self.read_settled()).floor
                self._read_at = self.clock()
            return self._newest
