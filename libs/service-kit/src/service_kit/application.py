"""How does a framework's application start and end, with the kit's view of its connection in between?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from nats.aio.client import Client

from service_kit.connection import Connection, connected
from service_kit.tasks import end_task


class Application(Protocol):
    """What FastStream calls an application."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


async def started(app: Application, stop: asyncio.Event) -> bool:
    """Start the application, which waits for NATS as long as it takes; False if `stop` came first."""
    starting, stopping = asyncio.create_task(app.start()), asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    await end_task(starting)
    return False


@asynccontextmanager
async def connected_as(app: Application, client: Client, *, url: str, service: str) -> AsyncIterator[Connection]:
    """The kit's view of the started application's connection; the application is stopped at the end."""
    try:
        async with connected(url, service=service, client=client) as connection:
            yield connection
    finally:
        await app.stop()
