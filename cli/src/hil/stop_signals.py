"""How does a command that runs for minutes stop cleanly when it is told to?"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

import typer
from rich.console import Console

T = TypeVar("T")


def until_told_to_stop(work: Coroutine[None, None, T], console: Console) -> T:
    """Do the work; SIGINT or SIGTERM cancels it, and the command ends with status 1 once it has cleaned up."""
    return asyncio.run(_until_told(work, console))


async def _until_told(work: Coroutine[None, None, T], console: Console) -> T:
    working = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        return await working
    except asyncio.CancelledError:
        console.print("Stopped before the end.")
        raise typer.Exit(1) from None
