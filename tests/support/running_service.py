"""How does a test run one service inside its own event loop, on a free port?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from tests.support.wait_until import wait_until

Serve = Callable[[asyncio.Event, asyncio.Event], Awaitable[None]]


@asynccontextmanager
async def running_service(serve: Serve, port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session at the service's address, once /readyz says yes; the service is stopped at the end of the block."""
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.ensure_future(serve(stop, ready))
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def answers() -> bool:
                if running.done():
                    running.result()
                return ready.is_set() and await is_ready(session)

            await wait_until(answers, timeout_seconds=20)
            yield session
    finally:
        stop.set()
        await running


async def is_ready(session: aiohttp.ClientSession) -> bool:
    """Whether the service says that it can do its work."""
    try:
        async with session.get("/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
