"""Does the cost gate's Redis answer?"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

EVERY_SECONDS = 1.0


@dataclass(slots=True)
class GatePulse:
    """Asked every second, so that readiness tells of an outage although nobody wants to pay just now."""

    redis: Redis
    answers: bool = False

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop` is set."""
        while not stop.is_set():
            try:
                await cast(Awaitable[object], self.redis.ping())
                self.answers = True
            except (RedisError, OSError):
                self.answers = False
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue
