"""How does the command line get rows of analytics: over its API, with the caller's token, so of their tenants only?"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from hil.analytics_access import TOKEN_VARIABLE, token_of
from hil.connect import address_of
from hil.outcome import CommandError, bad_input, unreachable

FILE_BYTES_MAX = 512 * 1024 * 1024
ROW = "application/x-ndjson"
_TIMES = aiohttp.ClientTimeout(total=900, connect=10, sock_read=60)


@dataclass(frozen=True, slots=True)
class Api:
    """Where analytics answers, and the token that it is asked with."""

    address: str
    token: str

    def fetch(self, path: str, params: Mapping[str, str], file: Path) -> None:
        """Write an export into a file, whole or not at all. Raises CommandError."""
        asyncio.run(self._asked("GET", path, file, params=dict(params)))

    def body(self, path: str) -> bytes:
        """The answer to a GET. Raises CommandError."""
        return asyncio.run(self._asked("GET", path, None))

    def rows(self, question: object) -> list[dict[str, object]]:
        """The rows of a question to /v1/query. Raises CommandError."""
        answer = json.loads(asyncio.run(self._asked("POST", "/v1/query", None, json=question)))
        if answer["is_cut"]:
            raise bad_input("the answer has more rows than its limit; ask with a higher limit (10,000), or for less")
        rows: list[dict[str, object]] = answer["rows"]
        return rows

    async def _asked(self, method: str, path: str, file: Path | None, **more: object) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with (
                aiohttp.ClientSession(self.address, headers=headers, timeout=_TIMES) as session,
                session.request(method, path, **more) as response,  # type: ignore[arg-type]
            ):
                if response.status != 200:
                    raise _refused(response.status, await response.text())
                return await response.read() if file is None else await _kept(response, file)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(f"analytics at {self.address} does not answer: {type(error).__name__} {error}") from error


def api_of(data_dir: Path) -> Api:
    """With the token of HIL_ANALYTICS_TOKEN, or the one that `hil up` keeps. Raises CommandError."""
    return Api(address_of("analytics", data_dir), token_of(data_dir))


async def _kept(response: aiohttp.ClientResponse, file: Path) -> bytes:
    size = 0
    with file.open("wb") as opened:
        async for part in response.content.iter_chunked(1 << 16):
            size += len(part)
            if size > FILE_BYTES_MAX:
                raise CommandError(f"the file is over the limit of {FILE_BYTES_MAX} bytes; ask for a shorter period")
            opened.write(part)
    return b""


def _refused(status: int, text: str) -> CommandError:
    try:
        body = json.loads(text)
        told = body.get("detail") or "; ".join(f"{one['field']}: {one['problem']}" for one in body["problems"])
    except (ValueError, KeyError, TypeError, AttributeError):
        told = text[:200]
    hint = f" ({TOKEN_VARIABLE} holds the token)" if status in (401, 403) else ""
    text = f"analytics refuses ({status}): {told}{hint}"
    return unreachable(text) if status == 503 else bad_input(text)
