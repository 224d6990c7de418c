"""How does a background task surely end?"""

import asyncio
from typing import Any

AGAIN_SECONDS = 0.1


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel until it is over, and forget what it raised: asyncio.wait_for of Python 3.11, with which client libraries
    wait for replies, swallows a cancellation that comes together with the reply; whoever then waits waits for ever."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()
