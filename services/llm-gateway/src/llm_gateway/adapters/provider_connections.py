"""How does a request get to a provider and its answer back? A general HTTP client costs four to six times as much
(ADR-0010)."""

import asyncio
import errno
import re
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from llm_gateway.adapters.provider_connection import Connection

IDLE_SECONDS_MAX = 15.0
"""A kept connection is not used after this: servers close theirs, and a request that meets that is lost."""
_URL = re.compile(r"https?://[!-~]+\Z")
_HEADER = re.compile(r"[\x20-\x7e\xa0-\xff]*\Z")


class NotReached(Exception):
    """There is no connection: the provider has seen nothing of the request."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes, and how it begins."""

    host: str
    port: int
    tls: bool
    head: bytes = field(repr=False)
    """Holds the key."""

    @property
    def origin(self) -> tuple[str, int, bool]:
        return self.host, self.port, self.tls


def address_of(url: str, headers: Mapping[str, str]) -> Address:
    """The address of `http(s)://host[:port]/path`. Raises ValueError for anything else, and for headers that would
    break out of their line."""
    parts = urlsplit(url)
    if not _URL.match(url) or not parts.hostname or parts.username is not None:
        raise ValueError("a provider's URL is http(s)://host[:port]/path, in ASCII, without user and password")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:  # It would come out of every call instead.
        raise ValueError("a provider's host has an empty part, or one of more than 63 characters") from error
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"host: {parts.netloc}", "accept-encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not all(_HEADER.match(line) for line in lines):
        raise ValueError("a provider's key holds characters that no header may hold")
    tls = parts.scheme == "https"
    head = "\r\n".join([f"POST {target} HTTP/1.1", *lines, ""]).encode("latin-1")
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls, head)


@dataclass(slots=True)
class Connections:
    """Connections that are kept for the next request. As many are open as requests are in flight, which the callers
    bound, and the idle ones of the last 15 s."""

    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    _idle: dict[tuple[str, int, bool], deque[Connection]] = field(default_factory=dict)

    def post(self, address: Address, body: bytes) -> "Exchange":
        """To be entered: its answer has begun then. Left before the answer's end, it closes the connection."""
        return Exchange(self, address, body)

    async def take(self, address: Address) -> Connection:
        """One that is kept, else a new one. Raises NotReached."""
        idle = self._idle.get(address.origin)
        while idle:
            kept = idle.pop()
            if kept.is_open and time.monotonic() - kept.idle_since < IDLE_SECONDS_MAX:
                return kept
            kept.close()
        tls = self.tls if address.tls else None
        try:
            _, made = await asyncio.get_running_loop().create_connection(
                Connection, address.host, address.port, ssl=tls
            )
        except OSError as error:
            raise NotReached(_why(error)) from error
        return made

    def give_back(self, address: Address, connection: Connection) -> None:
        """Keep it if it can be used again."""
        if not connection.is_open:
            return connection.close()
        idle = self._idle.setdefault(address.origin, deque())
        now = connection.idle_since = time.monotonic()
        idle.append(connection)
        while now - idle[0].idle_since >= IDLE_SECONDS_MAX or not idle[0].is_open:
            idle.popleft().close()

    async def aclose(self) -> None:
        """Close those that are kept."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as an asynchronous context. Entering raises NotReached, Broken."""

    connections: Connections
    address: Address
    body: bytes
    _connection: Connection | None = None

    async def __aenter__(self) -> Connection:
        connection = self._connection = await self.connections.take(self.address)
        try:
            connection.send(self.address.head, self.body)
            await connection.answered()
        except BaseException:
            connection.close()
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        self.connections.give_back(self.address, self._connection)


def _why(error: OSError) -> str:
    """What went wrong, without addresses: the name of the error's number, else of its kind."""
    number = None if isinstance(error, ssl.SSLError) else error.errno
    return errno.errorcode.get(number or 0, "") or type(error).__name__
