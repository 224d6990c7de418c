"""python -m tool_runner: settings in, app runs, clean shutdown."""

import asyncio
import signal
import sys

import uvloop
from pydantic import ValidationError

from tool_runner.adapters.servers_file import ServersFileError
from tool_runner.app import serve
from tool_runner.settings import Settings


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(settings, stop=stop, ready=asyncio.Event())


def main() -> int:
    """2 when a setting or the servers file cannot be used."""
    try:
        uvloop.run(run(Settings()))
    except (ValidationError, ServersFileError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
