"""python -m hil.bench.http_load PORT CONCURRENCY SECONDS: closed-loop chat requests; prints what came of them as JSON.

The key of the API comes in the environment (BENCH_KEY), as arguments are visible to everybody. Every prompt is another
one of about 1 kB, as a customer would write it, so that no cache and no memo can help.
"""

import asyncio
import dataclasses
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import uvloop

from hil.bench.http_wire import HttpMessages, request
from hil.embedded.ports import LOOPBACK

_TEXT = (
    "Hello, I ordered a pair of running shoes and a rain jacket with you two weeks ago, order number {number}, and the "
    "parcel arrived yesterday evening. The jacket fits well, but the shoes are half a size too small and the left one "
    "has a scratch at the heel that must have been there before. I would like to change them for a pair one size up in "
    "the same colour, and if these are sold out I would take the blue ones instead. Please send the label to "
    "customer.{number}@example.com or call me at +1 415 555 {tail:04d} after six in the evening. I paid with the card "
    "that you have on file and I do not want a voucher but the money on the same card in case that nothing fits. The "
    "address has not changed since my last order: it is 12 Harbour Street, second floor, and the neighbours take the "
    "parcel if I am out. Last time the courier left it at the door in the rain, so please tell them not to do that. "
    "How long will it take until the new pair is here, and do I have to send the old one first? Kind regards, {number}"
)


def chat_body(number: int, *, model: str, output_tokens_max: int = 200) -> bytes:
    """A chat request that differs from every other number's."""
    text = _TEXT.format(number=1_000_000 + number, tail=number % 10_000)
    messages = [{"role": "system", "content": "You are the shop's assistant."}, {"role": "user", "content": text}]
    return json.dumps({"model": model, "max_tokens": output_tokens_max, "messages": messages}).encode()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load."""

    requests: int
    errors: int
    rps: float
    p50_ms: float
    p99_ms: float
    first_error: str = ""


@dataclass(slots=True)
class Load:
    """Shared by all connections. Numbers begin where no other load of the same run began."""

    key: bytes
    until: float
    number: int
    took: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""

    def next_request(self) -> bytes:
        """The next request for the wire."""
        self.number += 1
        headers = b"content-type: application/json\r\nauthorization: Bearer %b\r\nx-hil-entity: customer-%d\r\n"
        body = chat_body(self.number, model="bench")
        return request(b"POST", b"/v1/chat/completions", body, headers=headers % (self.key, self.number % 500))

    def failed(self, text: str) -> None:
        """Count an error; the first is shown."""
        self.errors += 1
        self.first_error = self.first_error or text


class Connection(asyncio.Protocol):
    """Asks, waits for the answer, asks again until the time is over."""

    def __init__(self, load: Load, ended: "asyncio.Future[None]") -> None:
        self._load, self._ended = load, ended
        self._messages = HttpMessages()
        self._asked = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class.
        self._ask()

    def data_received(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            now = time.perf_counter()
            self._load.took.append(now - self._asked)
            if message.status != 200:
                self._load.failed(f"{message.status} {message.body[:200].decode(errors='replace')}")
            if now >= self._load.until:
                self._end()
            else:
                self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._load.failed("the connection was closed")
            self._ended.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        text = self._load.next_request()
        self._asked = time.perf_counter()
        self._transport.write(text)

    def _end(self) -> None:
        assert self._transport is not None
        if not self._ended.done():
            self._ended.set_result(None)
        self._transport.close()


async def put_under_load(port: int, *, concurrency: int, seconds: float, key: str) -> Loaded:
    """`concurrency` connections that ask for `seconds`."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    load = Load(key.encode(), began + seconds, time.time_ns() // 1_000_000 % 1_000_000_000 * 100)
    ends: list[asyncio.Future[None]] = []
    for _ in range(concurrency):
        ended: asyncio.Future[None] = loop.create_future()
        ends.append(ended)
        await loop.create_connection(lambda ended=ended: Connection(load, ended), LOOPBACK, port)  # type: ignore[misc]
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*ends)
    spent = time.perf_counter() - began
    took = [one * 1_000 for one in load.took]
    hundredths = statistics.quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    median = statistics.median(took) if took else 0.0
    return Loaded(len(took), load.errors, len(took) / spent, median, hundredths[98], load.first_error)


if __name__ == "__main__":
    loaded = uvloop.run(
        put_under_load(
            int(sys.argv[1]),
            concurrency=int(sys.argv[2]),
            seconds=float(sys.argv[3]),
            key=os.environ.get("BENCH_KEY", "none"),
        )
    )
    print(json.dumps(dataclasses.asdict(loaded)))
