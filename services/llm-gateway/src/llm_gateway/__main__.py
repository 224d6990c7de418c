"""python -m llm_gateway: settings in, app runs, clean shutdown."""

import asyncio
import signal
import sys

import uvloop
from pydantic import ValidationError

from llm_gateway.adapters.models_file import ModelsFileError
from llm_gateway.app import serve
from llm_gateway.settings import Settings


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(settings, stop=stop, ready=asyncio.Event())


def main() -> int:
    """2 when a setting or the models file cannot be used."""
    try:
        uvloop.run(run(Settings()))
    except (ValidationError, ModelsFileError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
