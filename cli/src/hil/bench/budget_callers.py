"""Who asks for money's worth at once? Callers of the HTTP API, each on a connection of its own."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hil.bench.http_wire import request
from hil.embedded.ports import LOOPBACK

NO_ANSWER = 0
"""Instead of a status: the connection was refused or broke, or nothing came in time."""
_GIVE_UP_SECONDS = 90.0
# About 270 tokens, the same number in each prompt, so that each call costs the same.
_PROMPT = (
    "Caller {number:03d} asks: " + "which of these pairs of shoes are waterproof, and what do they cost today? " * 15
)


class Listening(StrEnum):
    """What the caller does with a stream."""

    NOT_STREAMED = "not_streamed"
    TO_THE_END = "to_the_end"
    HANGS_UP = "hangs_up"


@dataclass(frozen=True, slots=True)
class Asking:
    """What every caller of a scenario asks."""

    key: str
    profile: str
    output_tokens_max: int | None
    listening: Listening = Listening.NOT_STREAMED
    timeout_ms: int = 60_000

    def body(self, number: int) -> dict[str, object]:
        """The request of one caller."""
        body: dict[str, object] = {
            "model": self.profile,
            "messages": [{"role": "user", "content": _PROMPT.format(number=number % 1_000)}],
        }
        if self.output_tokens_max is not None:
            body["max_tokens"] = self.output_tokens_max
        if self.listening is not Listening.NOT_STREAMED:
            body["stream"] = True
        return body

    def wire(self, number: int) -> bytes:
        """The same as bytes."""
        lines = "connection: close\r\ncontent-type: application/json\r\n"
        lines += f"authorization: Bearer {self.key}\r\nx-hil-timeout-ms: {self.timeout_ms}\r\n"
        body = json.dumps(self.body(number)).encode()
        return request(b"POST", b"/v1/chat/completions", body, headers=lines.encode())


async def wave(asking: Asking, ports: Sequence[int], *, callers: int, spread_seconds: float = 0.0) -> Counter[int]:
    """All callers at once, or evenly over a time, shared out over the gateways: how often each status came."""

    async def caller(number: int) -> int:
        if spread_seconds:
            await asyncio.sleep(spread_seconds * number / callers)
        return await _answered(ports[number % len(ports)], asking.wire(number), asking.listening)

    return Counter(await asyncio.gather(*(caller(number) for number in range(callers))))


async def _answered(port: int, text: bytes, listening: Listening) -> int:
    try:
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(text)
                status = int((await reader.readline())[9:12] or NO_ANSWER)
                if listening is Listening.HANGS_UP and status == 200:
                    await reader.readuntil(b"data: ")
                else:
                    await reader.read()
                return status
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        return NO_ANSWER
