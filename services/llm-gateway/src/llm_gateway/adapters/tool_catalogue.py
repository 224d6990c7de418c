"""Which tools are there now?"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import ValidationError

from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolDescription
from service_kit.watched_bucket import is_deleted, watched

log = structlog.get_logger()


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
        elif is_deleted(entry):
            self._tools.pop(entry.key, None)
        else:
            try:
                self._tools[entry.key] = ToolDescription.model_validate_json(entry.value or b"")
            except ValidationError as error:
                log.warning("tool_catalogue.unreadable", tool=entry.key, problems=error.error_count())


@asynccontextmanager
async def watched_tools(jetstream: JetStreamContext) -> AsyncIterator[ToolCatalogue]:
    """The catalogue, kept up to date for as long as the block runs. Raises TimeoutError when it cannot be read."""
    catalogue = ToolCatalogue()
    async with watched(jetstream, TOOLS_BUCKET, catalogue):
        yield catalogue
