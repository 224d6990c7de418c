"""How does a service live as a process of its own: event loop, signals, logs?"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable

import uvloop

from service_kit.telemetry import configure_logs

Serve = Callable[[asyncio.Event, asyncio.Event], Awaitable[None]]


def run_service(service: str, serve: Serve, *, log_level: str) -> None:
    """Run `serve(stop, ready)` until it returns; SIGTERM and SIGINT set `stop`."""
    configure_logs(service, level=log_level)
    settle_garbage_collector()
    uvloop.run(_until_signal(serve))


def settle_garbage_collector() -> None:
    """Leave what was imported out of every collection, and collect less often: messages and folded states are trees
    without cycles, and the default thresholds cost the orchestrator 2,070 instead of 1,700 µs an execution."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


async def _until_signal(serve: Serve) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(stop, ready)
