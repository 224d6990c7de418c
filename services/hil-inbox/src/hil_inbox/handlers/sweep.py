"""How does what has expired leave the store?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from service_kit.errors import RetryLater

log = structlog.get_logger()
EVERY_SECONDS = 60.0
Sweep = Callable[[], Awaitable[None]]


async def sweep_until(stop: asyncio.Event, sweeps: Sequence[Sweep]) -> None:
    """Once a minute. Two replicas may sweep at once; a store that is away is asked again the next time."""
    while not stop.is_set():
        for sweep in sweeps:
            try:
                await sweep()
            except RetryLater as error:
                log.warning("sweep.later", reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
        except TimeoutError:
            continue
