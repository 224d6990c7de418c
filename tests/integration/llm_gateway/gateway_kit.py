"""A gateway on real servers, with a replay model as its provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from tests.support.kit import TENANT, kit
from tests.support.wait_until import wait_until

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import BasedOn, Identity, LogEntry
from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolDescription
from cost_gate import Balance, Scope, connect_gate, scope_of
from hil.replay_model import ReplayModel, Rule, Script
from llm_gateway.app import serve
from llm_gateway.settings import Settings
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log

# One micro-dollar a token, so that costs can be read; `first` is called, `second` is its fallback.
MODELS = """
providers: {default: {base_url: ""}}
models:
  first: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 4000, output_tokens_max: 100}
  second: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 4000, output_tokens_max: 100}
  long: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 100_000, output_tokens_max: 100}
  tiny: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 10, output_tokens_max: 5}
profiles: {balanced: [first, second], single: [first], mixed: [tiny, second], narrow: [tiny], retail: [long]}
"""
OUTPUT_SCHEMA = {"type": "object", "required": ["intent"], "properties": {"intent": {"enum": ["refund", "other"]}}}
Fact = CompletionProduced | CompletionFailed


@dataclass(slots=True)
class Bench:
    """What a test holds in its hands."""

    connection: Connection
    model: ReplayModel
    redis_url: str
    settings: Settings
    _requests: int = field(default=0)

    async def request(self, key: str = "c1", text: str = "hello", **fields: Any) -> str:
        """Publish a request; its id."""
        self._requests += 1
        messages = fields.pop("messages", [{"role": "user", "content": text}])
        based_on = BasedOn(now_ms=1, fence=0)
        fields.setdefault("execution_id", "e1")
        command = RequestCompletion(node="n", based_on=based_on, messages=messages, **fields)
        command_id = f"command-{key}-{self._requests}"
        await publish(self.connection, command, Identity(TENANT, key, command_id, "test"))
        return command_id

    async def log(self, key: str = "c1") -> list[LogEntry]:
        return await Log(self.connection).read(TENANT, key)

    async def facts(self, command_id: str, key: str = "c1") -> list[tuple[str, Fact]]:
        entries = await self.log(key)
        return [
            (entry.id, entry.message)
            for entry in entries
            if isinstance(entry.message, Fact) and entry.message.command_id == command_id
        ]

    async def fact(self, command_id: str, key: str = "c1", *, timeout_seconds: float = 15) -> Fact:
        """The one terminal fact of a command, as soon as it is there."""

        async def there() -> bool:
            return bool(await self.facts(command_id, key))

        await wait_until(there, timeout_seconds=timeout_seconds)
        found = await self.facts(command_id, key)
        assert len(found) == 1
        return found[0][1]

    async def answer(self, key: str = "c1", text: str = "hello", **fields: Any) -> Fact:
        return await self.fact(await self.request(key, text, **fields), key)

    async def produced(self, key: str = "c1", text: str = "hello", **fields: Any) -> CompletionProduced:
        fact = await self.answer(key, text, **fields)
        assert isinstance(fact, CompletionProduced), fact
        return fact

    async def failed(self, key: str = "c1", text: str = "hello", **fields: Any) -> CompletionFailed:
        fact = await self.answer(key, text, **fields)
        assert isinstance(fact, CompletionFailed), fact
        return fact

    async def balance(self, scope: Scope | None = None) -> Balance:
        gate = connect_gate(self.redis_url)
        try:
            wanted = scope or scope_of(TENANT, "execution", "e1", cap_microdollars=None)
            return await gate.load_balance(wanted, now=datetime.now(UTC))
        finally:
            await gate.aclose()

    async def add_tool(self, name: str, **fields: Any) -> None:
        bucket = await self.connection.jetstream.key_value(TOOLS_BUCKET)
        await bucket.put(name, ToolDescription(name=name, **fields).model_dump_json().encode())

    def asked_models(self) -> list[Any]:
        return [received.body["model"] for received in self.model.received]

    def asked_messages(self, index: int = -1) -> list[Any]:
        messages = self.model.received[index].body["messages"]
        assert isinstance(messages, list)
        return messages


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[None]:
    """The service in this process, until the end of the block."""
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop=stop, ready=ready))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({serving, waiting}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), serving.exception() if serving.done() else "not ready"
        yield
    finally:
        stop.set()
        waiting.cancel()
        await serving


async def forget_breakers(redis_url: str) -> None:
    """What another test did to a model of the same name is not this one's business."""
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter("{breaker}:*"):
            await redis.delete(key)


@asynccontextmanager
async def bench(nats_url: str, redis_url: str, folder: Path, *rules: Rule, **settings: Any) -> AsyncIterator[Bench]:
    """A gateway whose provider plays the rules."""
    await forget_breakers(redis_url)
    models_file = folder / "models.yaml"
    models_file.write_text(MODELS)
    async with ReplayModel(Script(rules)) as model, kit(nats_url) as connection:
        made = Settings(
            nats_url=nats_url,
            redis_url=redis_url,
            **{"http_port": 0, "provider_url": model.url, "models_file": models_file, **settings},
        )
        async with running_gateway(made):
            yield Bench(connection, model, redis_url, made)
