"""python -m hil.bench.passthrough PORT BASE_URL: the least that a Python gateway can be, for comparison.

A bare ASGI application that parses the request, asks for the same upstream with aiohttp and hands the answer on: no
keys, no routing, no money, no masking, no record.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import orjson
import uvicorn

from hil.embedded.ports import LOOPBACK

Event = MutableMapping[str, Any]


class Passthrough:
    """Hands requests on."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self, scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        asked = orjson.dumps(orjson.loads(body or b"{}"))
        async with self._open().post(self._url, data=asked, headers={"content-type": "application/json"}) as answered:
            content = orjson.dumps(orjson.loads(await answered.read()))
            status = answered.status
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session


if __name__ == "__main__":
    uvicorn.run(
        Passthrough(sys.argv[2]),
        host=LOOPBACK,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
