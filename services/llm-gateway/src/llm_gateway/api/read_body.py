"""How does a request's body come in: bounded in bytes and in time, for one caller and for all together?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from llm_gateway.api.errors import ApiError, Refused

BODY_BYTES_MAX = 8 * 1024 * 1024
_ALL_BYTES_MAX = 256 * 1024 * 1024
_SECONDS_MAX = 30.0
_FULL = ApiError(
    503, "too many long bodies are on their way; ask again", type="api_error", code="overloaded", retry_after_seconds=1
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Gone(Exception):
    """The client is not there any more."""


@dataclass(slots=True)
class BodyReader:
    """Bodies that come in pieces are counted together, so that many slow ones cannot fill the memory."""

    seconds_max: float = _SECONDS_MAX
    all_bytes_max: int = _ALL_BYTES_MAX
    _waiting: int = field(default=0)

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive, *, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """The whole body. Raises Refused when it is too long or too slow, Gone."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 18 or int(length) > bytes_max):
            raise Refused(_too_long(bytes_max))
        pieces = _Pieces(self, bytes_max)
        try:
            async with asyncio.timeout(self.seconds_max):
                while pieces.take(await receive()):
                    continue
            return b"".join(pieces.parts)
        except TimeoutError:
            raise Refused(_too_slow(self.seconds_max)) from None
        finally:
            self._waiting -= pieces.size

    def add(self, size: int) -> None:
        """Count bytes that wait for the rest of their body. Raises Refused."""
        self._waiting += size
        if self._waiting > self.all_bytes_max:
            raise Refused(_FULL)


@dataclass(slots=True)
class _Pieces:
    reader: BodyReader
    bytes_max: int
    size: int = 0
    parts: list[bytes] = field(default_factory=list)

    def take(self, message: Message) -> bool:
        """Whether there is more to come."""
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        self.size += len(part)
        self.reader.add(len(part))
        if self.size > self.bytes_max:
            raise Refused(_too_long(self.bytes_max))
        self.parts.append(part)
        return bool(message.get("more_body"))


def _too_long(bytes_max: int) -> ApiError:
    return ApiError(413, f"body: is over the limit of {bytes_max} bytes; send less", code="body_too_large")


def _too_slow(seconds_max: float) -> ApiError:
    return ApiError(408, f"body: did not arrive within {seconds_max:g} s", code="body_too_slow")
