"""What does analytics answer the command line: over its API, with the caller's token, so of their tenants only?"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import JsonValue

from hil.analytics_access import TOKEN_VARIABLE, token_of
from hil.connect import address_of
from hil.outcome import CommandError, bad_input, unreachable

FILE_BYTES_MAX = 512 * 1024 * 1024
ROW = "application/x-ndjson"
_TIMES = aiohttp.ClientTimeout(total=900, connect=10, sock_read=60)
Answer = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Api:
    """Where analytics answers, and the token that it is asked with. Methods raise CommandError."""

    address: str
    token: str

    async def ask(self, path: str, body: Mapping[str, JsonValue] | None = None) -> Answer | None:
        """The answer to a GET, or to a POST of `body`; None where the service has nothing of the kind."""
        method = "GET" if body is None else "POST"
        async with self._response(method, path, json=body) as response:
            if response.status == 404:
                return None
            answer: Answer = json.loads(await _accepted(response))
            return answer

    def fetch(self, path: str, params: Mapping[str, str], file: Path) -> None:
        """Write an export into a file, whole or not at all."""
        asyncio.run(self._kept(path, params, file))

    def body(self, path: str) -> bytes:
        """The answer to a GET."""
        return asyncio.run(self._body("GET", path))

    def rows(self, question: object) -> list[dict[str, object]]:
        """The rows of a question to /v1/query."""
        answer = json.loads(asyncio.run(self._body("POST", "/v1/query", json=question)))
        if answer["is_cut"]:
            raise bad_input("the answer has more rows than its limit; ask with a higher limit (10,000), or for less")
        rows: list[dict[str, object]] = answer["rows"]
        return rows

    async def _body(self, method: str, path: str, **more: object) -> bytes:
        async with self._response(method, path, **more) as response:
            return await _accepted(response)

    async def _kept(self, path: str, params: Mapping[str, str], file: Path) -> None:
        async with self._response("GET", path, params=dict(params)) as response:
            if response.status != 200:
                raise _refused(response, await response.text())
            await _write(response, file)

    @asynccontextmanager
    async def _response(self, method: str, path: str, **more: object) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with (
                aiohttp.ClientSession(self.address, headers=headers, timeout=_TIMES) as session,
                session.request(method, path, **more) as response,  # type: ignore[arg-type]
            ):
                yield response
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            text = f"no analytics answers at {self.address} ({type(error).__name__}); HIL_ANALYTICS_URL names it"
            raise unreachable(text) from error


def api_of(data_dir: Path) -> Api:
    """With the token of HIL_ANALYTICS_TOKEN, or the one that `hil up` keeps. Raises CommandError."""
    return Api(address_of("analytics", data_dir), token_of(data_dir))


async def _accepted(response: aiohttp.ClientResponse) -> bytes:
    body = await response.read()
    if response.status != 200:
        raise _refused(response, body.decode("utf-8", "replace"))
    return body


async def _write(response: aiohttp.ClientResponse, file: Path) -> None:
    size = 0
    with file.open("wb") as opened:
        async for part in response.content.iter_chunked(1 << 16):
            size += len(part)
            if size > FILE_BYTES_MAX:
                raise CommandError(f"the file is over the limit of {FILE_BYTES_MAX} bytes; ask for a shorter period")
            opened.write(part)


def _refused(response: aiohttp.ClientResponse, text: str) -> CommandError:
    try:
        body = json.loads(text)
        told = body.get("detail") or "; ".join(f"{one['field']}: {one['problem']}" for one in body["problems"])
    except (ValueError, KeyError, TypeError, AttributeError):
        told = text or "it does not say why"
    status, hint = response.status, f" ({TOKEN_VARIABLE} holds the token)" if response.status in (401, 403) else ""
    said = f"analytics refuses {response.url.path} ({status}): {told[:500]}{hint}"
    if status == 503:
        return unreachable(said)
    return CommandError(said) if status >= 500 else bad_input(said)
