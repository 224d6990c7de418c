"""python -m hil.bench.upstream PORT DELAY_MS: an OpenAI-compatible model server that says what it was asked, and bills.

A model's name says how it behaves: it begins with `exact` (bills what it was asked for), `dear` (50 times as many
tokens), `failing` (503) or `cutting` (breaks streams off). What is billed is counted when the request arrives: that
is the most that a provider can ask for, whether or not anybody waits for the answer. `GET /counts` tells it by model.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from typing import cast

import orjson
import uvloop

from hil.bench.http_wire import HttpMessage, HttpMessages, response
from hil.embedded.ports import LOOPBACK
from llm_gateway.domain.chat_body import Body
from llm_gateway.domain.count_tokens import count_tokens

ENCODING = "o200k_base"
DEAR_FACTOR = 50
CHUNKS = 5
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FAILED = response(b'{"error":{"message":"overloaded","type":"server_error"}}', status=b"503 Service Unavailable")
_MESSAGE = {"role": "assistant", "content": "Your order is on its way and arrives on Friday. " * 4}
_PLAIN = response(
    orjson.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 250, "completion_tokens": 40, "total_tokens": 290},
        }
    )
)


@dataclass(slots=True)
class Counts:
    """By model: requests that arrived, and tokens that they are billed for."""

    requests: dict[str, int] = field(default_factory=dict)
    tokens_input: dict[str, int] = field(default_factory=dict)
    tokens_output: dict[str, int] = field(default_factory=dict)

    def add(self, model: str, tokens_input: int, tokens_output: int) -> None:
        """One more request."""
        for counted, more in (
            (self.requests, 1),
            (self.tokens_input, tokens_input),
            (self.tokens_output, tokens_output),
        ):
            counted[model] = counted.get(model, 0) + more


class Upstream(asyncio.Protocol):
    """One connection. Requests of a connection are answered in order, as no client of ours pipelines."""

    def __init__(self, counts: Counts, delay_seconds: float) -> None:
        self._counts, self._delay = counts, delay_seconds
        self._messages = HttpMessages()
        self._transport: asyncio.Transport | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class.

    def connection_lost(self, error: Exception | None) -> None:
        for task in self._answering:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            self._answer(message)

    def _answer(self, message: HttpMessage) -> None:
        assert self._transport is not None
        if message.target == b"/counts":
            self._transport.write(response(orjson.dumps(self._counts)))
        elif not message.target.endswith(b"/chat/completions"):
            self._transport.write(response(b"{}"))  # Traces that are exported, for one.
        elif self._delay == 0:
            self._counts.add("bench", 0, 0)
            self._transport.write(_PLAIN)
        else:
            task = asyncio.ensure_future(self._answer_later(message.body))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer_later(self, body: bytes) -> None:
        assert self._transport is not None
        asked = orjson.loads(body)
        usage = self._billed(asked)
        if asked["model"].startswith("failing"):
            self._transport.write(_FAILED)
        elif asked.get("stream"):
            await self._stream(asked["model"], usage)
        else:
            await asyncio.sleep(self._delay)
            self._transport.write(response(orjson.dumps(_completion(asked["model"], usage))))

    def _billed(self, asked: Body) -> dict[str, int]:
        model = str(asked["model"])
        tokens_input = count_tokens(asked, ENCODING).tokens
        wanted = asked.get("max_tokens")
        tokens_output = wanted if isinstance(wanted, int) else 1_000_000
        if model.startswith("dear"):
            tokens_input, tokens_output = tokens_input * DEAR_FACTOR, tokens_output * DEAR_FACTOR
        if model.startswith("failing"):
            tokens_input = tokens_output = 0
        self._counts.add(model, tokens_input, tokens_output)
        return {
            "prompt_tokens": tokens_input,
            "completion_tokens": tokens_output,
            "total_tokens": tokens_input + tokens_output,
        }

    async def _stream(self, model: str, usage: dict[str, int]) -> None:
        assert self._transport is not None
        self._transport.write(_OK)
        for number in range(CHUNKS):
            await asyncio.sleep(self._delay / CHUNKS)
            if model.startswith("cutting") and number == CHUNKS // 2:
                return self._transport.abort()
            delta = {"content": f"part {number} "}
            self._transport.write(_event(_chunk(model, [{"index": 0, "delta": delta, "finish_reason": None}])))
        self._transport.write(_event(_chunk(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])))
        self._transport.write(_event({**_chunk(model, []), "usage": usage}) + _frame(b"data: [DONE]\n\n") + _frame(b""))


def _completion(model: str, usage: dict[str, int]) -> dict[str, object]:
    choice = {"index": 0, "message": _MESSAGE, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


def _chunk(model: str, choices: list[dict[str, object]]) -> dict[str, object]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}


def _event(data: dict[str, object]) -> bytes:
    return _frame(b"data: " + orjson.dumps(data) + b"\n\n")


def _frame(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def run(port: int, delay_seconds: float) -> None:
    """Answer for ever."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(counts, delay_seconds), LOOPBACK, port, backlog=2_048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), float(sys.argv[2]) / 1_000))
