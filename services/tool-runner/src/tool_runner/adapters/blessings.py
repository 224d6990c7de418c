"""Which versions of a server's tools may be called? Kept in a bucket that all runners watch."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.streams import TOOL_BLESSINGS_BUCKET
from service_kit.watched_bucket import is_deleted

log = structlog.get_logger()

TRIES_MAX = 30
AGAIN_SECONDS = 1.0


class BlessedTools(BaseModel):
    """One entry of the bucket: version by the server's own name of the tool."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tools: dict[str, str]


@dataclass(slots=True)
class Blessings:
    """What is blessed, by server. `on_change` is told the server after each change."""

    jetstream: JetStreamContext
    on_change: Callable[[str], None] = lambda _: None
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _by_server: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def apply(self, entry: "KeyValue.Entry | None") -> None:
        """One change of the bucket; None ends the first reading."""
        if entry is None:
            self.loaded.set()
            return
        if is_deleted(entry):
            self._by_server.pop(entry.key, None)
            return
        try:
            self._by_server[entry.key] = BlessedTools.model_validate_json(entry.value or b"").tools
        except ValidationError as error:  # What cannot be read blesses nothing.
            log.warning("tool_blessings.unreadable", server=entry.key, problems=error.error_count())
            self._by_server[entry.key] = {}
        self.on_change(entry.key)

    def of(self, server: str) -> Mapping[str, str]:
        """Nothing for a server that was never seen."""
        return self._by_server.get(server, {})

    async def know(self, server: str, versions: Mapping[str, str]) -> None:
        """Make sure that the server is known: what it lists first is blessed, whichever runner sees it first. Raises
        TimeoutError when the bucket is away for long."""
        if server in self._by_server:
            return

        async def create(bucket: KeyValue) -> None:
            with suppress(nats.js.errors.KeyWrongLastSequenceError):  # Then another runner was first.
                await bucket.create(server, BlessedTools(tools=dict(versions)).model_dump_json().encode())
            self.apply(await bucket.get(server))

        await self._surely(create)

    async def _surely(self, write: Callable[[KeyValue], Awaitable[None]]) -> None:
        for _ in range(TRIES_MAX):
            try:
                return await write(await self.jetstream.key_value(TOOL_BLESSINGS_BUCKET))
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
                log.warning("tool_blessings.waiting", reason=type(error).__name__)
                await asyncio.sleep(AGAIN_SECONDS)
        raise TimeoutError(f"the bucket {TOOL_BLESSINGS_BUCKET} was away for {TRIES_MAX * AGAIN_SECONDS:g} s")


async def bless(jetstream: JetStreamContext, server: str, versions: Mapping[str, str]) -> None:
    """Let these versions be called, beside what is blessed. Raises nats errors, and KeyWrongLastSequenceError when
    somebody else blesses at the same time."""
    bucket = await jetstream.key_value(TOOL_BLESSINGS_BUCKET)
    entry = await bucket.get(server)
    blessed = BlessedTools.model_validate_json(entry.value or b"{}")
    body = BlessedTools(tools={**blessed.tools, **versions}).model_dump_json().encode()
    await bucket.update(server, body, last=entry.revision)
