"""How does a service live as a process of its own: event loop, signals, logs?"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

from service_kit.telemetry import configure_logs

Serve = Callable[[asyncio.Event, asyncio.Event], Awaitable[None]]


def run_service(service: str, serve: Serve, *, log_level: str) -> None:
    """Run `serve(stop, ready)` until it returns; SIGTERM and SIGINT set `stop`."""
    configure_logs(service, level=log_level)
    uvloop.run(_until_signal(serve))


async def _until_signal(serve: Serve) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(stop, ready)
