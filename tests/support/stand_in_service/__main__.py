"""What runs on `python -m tests.support.stand_in_service`?"""

import asyncio
import signal

from tests.support.stand_in_service.app import serve
from tests.support.stand_in_service.settings import Settings


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(Settings(), stop=stop, ready=asyncio.Event())


asyncio.run(main())
