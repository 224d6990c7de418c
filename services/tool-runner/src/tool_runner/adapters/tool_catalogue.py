"""How do the other services learn which tools there are?"""

import asyncio
from dataclasses import dataclass, field

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from contracts.streams import TOOLS_BUCKET
from tool_runner.domain.manifest import Tool

log = structlog.get_logger()

RETRY_SECONDS = 1.0


@dataclass(slots=True)
class ToolCatalogue:
    """Writes what servers offer into the tools bucket, in its own time: a server is of use before that is done."""

    jetstream: JetStreamContext
    _waiting: dict[str, list[Tool]] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, server: str, tools: list[Tool]) -> None:
        """These are all the tools of the server now."""
        self._waiting[server] = tools
        self._woken.set()

    async def run(self) -> None:
        """Write what is waiting, trying again while NATS is away."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            for server in list(self._waiting):
                tools = self._waiting.pop(server)
                try:
                    await self._write(server, tools)
                except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
                    log.warning("tool_catalogue.waiting", server=server, reason=type(error).__name__)
                    self._waiting.setdefault(server, tools)
                    await asyncio.sleep(RETRY_SECONDS)
                    self._woken.set()

    async def _write(self, server: str, tools: list[Tool]) -> None:
        bucket = await self.jetstream.key_value(TOOLS_BUCKET)
        wanted = {tool.name for tool in tools}
        for tool in tools:
            body = tool.description_for_models().model_dump_json().encode()
            if await _value(bucket, tool.name) != body:
                await bucket.put(tool.name, body)
        for name in await _names(bucket):
            if name.startswith(f"{server}.") and name not in wanted:
                await bucket.delete(name)


async def _value(bucket: KeyValue, name: str) -> bytes | None:
    try:
        return (await bucket.get(name)).value
    except nats.js.errors.KeyNotFoundError:
        return None


async def _names(bucket: KeyValue) -> list[str]:
    try:
        return await bucket.keys()
    except nats.js.errors.NoKeysError:
        return []
