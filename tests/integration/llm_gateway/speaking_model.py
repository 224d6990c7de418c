"""A model that says again, character by character, what it was told; it knows who hung up on it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class SpeakingModel:
    """`characters_max`: after so many it falls silent and keeps the connection open. `repeats`: how often it says all
    of it. With tools it calls the first, with what it was told as the argument `said`."""

    characters_max: int | None = None
    repeats: int = 1
    heard: list[Any] = field(default_factory=list)
    hung_up: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        said = body["messages"][-1]["content"]
        self.heard.append(said)
        try:
            if not body.get("stream"):
                await self._silence()
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            for delta in _deltas(body, said, self.characters_max) * self.repeats:
                await response.write(_event(delta, None))
            await self._silence()
            await response.write(_event({}, "tool_calls" if body.get("tools") else "stop") + b"data: [DONE]\n\n")
            return response
        except asyncio.CancelledError:
            self.hung_up += 1
            raise

    async def _silence(self) -> None:
        if self.characters_max is not None:
            await asyncio.Event().wait()


def _deltas(body: Any, said: str, characters_max: int | None) -> list[dict[str, Any]]:
    if not body.get("tools"):
        return [{"content": character} for character in said[:characters_max]]
    name = body["tools"][0]["function"]["name"]
    start = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
    arguments = json.dumps({"said": said})
    parts = [{"index": 0, "function": {"arguments": character}} for character in arguments]
    return [{"tool_calls": [part]} for part in (start, *parts)]


def _event(delta: dict[str, Any], reason: str | None) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@asynccontextmanager
async def speaking(model: SpeakingModel) -> AsyncIterator[str]:
    """Its base URL, while it listens."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
