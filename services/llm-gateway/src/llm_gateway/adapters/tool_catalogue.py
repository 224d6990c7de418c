"""Which tools are there now? The tools bucket is watched, so that a change is known at once."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import ValidationError

from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolDescription
from service_kit.tasks import end_task

log = structlog.get_logger()
# After this long without news the bucket is read again: a watch does not survive every restart of the server.
_REREAD_SECONDS = 15.0
_LOAD_SECONDS_MAX = 30.0


class ToolCatalogue:
    """The tools by name; `loaded` once the whole bucket has been read."""

    def __init__(self) -> None:
        self._tools: dict[str, ToolDescription] = {}
        self.loaded = asyncio.Event()

    def tools(self) -> Iterable[ToolDescription]:
        return self._tools.values()

    def apply(self, entry: "KeyValue.Entry | None") -> None:
        """One change of the bucket; None ends the first reading."""
        if entry is None:
            self.loaded.set()
        elif entry.operation in ("DEL", "PURGE") or not entry.value:
            self._tools.pop(entry.key, None)
        else:
            try:
                self._tools[entry.key] = ToolDescription.model_validate_json(entry.value)
            except ValidationError as error:
                log.warning("tool_catalogue.unreadable", tool=entry.key, problems=error.error_count())


@asynccontextmanager
async def watched_tools(jetstream: JetStreamContext) -> AsyncIterator[ToolCatalogue]:
    """The catalogue, kept up to date for as long as the block runs. Raises TimeoutError when it cannot be read."""
    catalogue = ToolCatalogue()
    following = asyncio.create_task(_follow(jetstream, catalogue))
    try:
        async with asyncio.timeout(_LOAD_SECONDS_MAX):
            await catalogue.loaded.wait()
        yield catalogue
    finally:
        await end_task(following)


async def _follow(jetstream: JetStreamContext, catalogue: ToolCatalogue) -> None:
    while True:
        try:
            await _read_until_silent(jetstream, catalogue)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            log.warning("tool_catalogue.unreachable", error=type(error).__name__)
            await asyncio.sleep(1.0)


async def _read_until_silent(jetstream: JetStreamContext, catalogue: ToolCatalogue) -> None:
    bucket = await jetstream.key_value(TOOLS_BUCKET)
    watcher: Any = await bucket.watchall()  # The library leaves it untyped.
    try:
        with suppress(nats.errors.TimeoutError):
            while True:
                catalogue.apply(await watcher.updates(timeout=_REREAD_SECONDS))
    finally:
        with suppress(nats.errors.Error):
            await watcher.stop()
