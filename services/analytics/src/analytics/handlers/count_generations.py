"""Which generations of figures is the log counted into, and who follows when another one takes over?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from analytics.adapters.figure_store import FigureStore
from analytics.domain.generations import FORMAT, Generations
from analytics.domain.rollup import Settled
from service_kit.batches import BatchConsumer


@dataclass(slots=True)
class Counting:
    """One generation with its consumer."""

    figures: FigureStore
    read_settled: Callable[[], Awaitable[Settled]]
    consumer: BatchConsumer
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until `stop`; what is in hand then is counted first."""
        await self.consumer.run(self.stop)


@dataclass(slots=True)
class Countings:
    """All that are counted. `serving` is what everybody asks: it is led on to the generation that takes over."""

    begin: Callable[[int], Awaitable[Counting]]
    serving: FigureStore
    group: asyncio.TaskGroup
    running: dict[int, Counting] = field(default_factory=dict)

    async def follow(self, known: Generations) -> None:
        """Count what is to be counted, and nothing else. Raises RetryLater."""
        for number in sorted(known.counted - self.running.keys()):
            self.running[number] = await self.begin(number)
            self.group.create_task(self.running[number].run())
        self.serving.generation, self.serving.is_complete = known.serving, known.format >= FORMAT
        for number in self.running.keys() - known.counted:
            self.running.pop(number).stop.set()

    async def settled(self) -> Settled:
        """Through where everything is counted that the serving generation tells. Raises RetryLater."""
        return await self.running[self.serving.generation].read_settled()

    @property
    def consuming(self) -> bool:
        """Whether the serving generation gets messages."""
        return self.running[self.serving.generation].consumer.running

    def stop(self) -> None:
        """All of them."""
        for counting in self.running.values():
            counting.stop.set()
