"""What runs on `python -m analytics`?"""

import asyncio
import signal
import sys

import uvloop
from pydantic import ValidationError

from analytics.app import serve
from analytics.settings import Settings
from contracts.catalogue import describe


async def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(settings, stop=stop, ready=asyncio.Event())


if __name__ == "__main__":
    try:
        wanted = Settings()
    except ValidationError as error:
        sys.exit(f"ANALYTICS_ settings: {describe(error)}")
    uvloop.run(main(wanted))
