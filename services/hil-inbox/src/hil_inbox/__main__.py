"""What runs on `python -m hil_inbox`?"""

import asyncio
import signal
import sys

import uvloop
from pydantic import ValidationError

from contracts.catalogue import describe
from hil_inbox.app import serve
from hil_inbox.settings import Settings


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
        sys.exit(f"HIL_INBOX_ settings: {describe(error)}")
    uvloop.run(main(wanted))
