"""How does a process talk to NATS: one connection, one inbox for every kind of reply?"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import nats
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from service_kit.errors import RetryLater
from service_kit.header_lines import read_headers_fast

RETRY_BUDGET_SECONDS = 25.0
"""Longer than a leader change, which took 6 to 8 s (ARCHITECTURE 1, rule 7)."""
ACK_TIMEOUT_SECONDS = 3.0
SEARCHES_AT_ONCE = 16
"""Searches for the messages of a key that one process asks for. The server makes one after the other, each with up to
10 ms of a core, and goes on for whoever has lost patience: hundreds at once were begun again before any had an end."""
REPLIES_PENDING_BYTES_MAX = 256 * 1024 * 1024


class AckUnknown(Exception):
    """No acknowledgement came: the message may be stored or not."""


class Refused(Exception):
    """The server refused a publish; `code` is its error code, 10071 for a stale fence."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description


@dataclass(slots=True)
class Connection:
    """One NATS connection with its JetStream context. Replies to publishes, direct gets and pulls all come to one
    subscription, told apart by the last token of their subject; so their order is the order of arrival."""

    client: Client
    jetstream: JetStreamContext
    service: str
    searches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SEARCHES_AT_ONCE))
    _prefix: str = ""
    _waiting: dict[str, Callable[[Msg], None]] = field(default_factory=dict)
    _tokens: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def ready(self) -> bool:
        """True while the server answers."""
        return bool(self.client.is_connected)

    def expect(self, receive: Callable[[Msg], None]) -> tuple[str, str]:
        """A reply subject whose messages go to `receive`, and the token with which to `forget` it."""
        token = str(next(self._tokens))
        self._waiting[token] = receive
        return f"{self._prefix}.{token}", token

    def forget(self, token: str) -> None:
        """Stop listening on a token; later replies are dropped."""
        self._waiting.pop(token, None)

    async def request(
        self, subject: str, body: bytes, *, headers: dict[str, str] | None = None, timeout_seconds: float
    ) -> Msg | None:
        """The one reply to a message; None if there is none within `timeout_seconds`. Raises nats.errors.Error."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Msg | None] = loop.create_future()

        def settle(msg: Msg | None = None) -> None:
            if not answered.done():
                answered.set_result(msg)

        reply, token = self.expect(settle)
        timer = loop.call_later(timeout_seconds, settle)  # A third of the cost of asyncio.timeout, on the hottest path.
        try:
            await self.client.publish(subject, body, reply=reply, headers=headers)
            return await answered
        finally:
            timer.cancel()
            self.forget(token)

    async def publish(
        self, subject: str, body: bytes, *, headers: dict[str, str], timeout_seconds: float = ACK_TIMEOUT_SECONDS
    ) -> tuple[int, str]:
        """Store one message and wait for the acknowledgement: (stream sequence, "stored" or "duplicate").

        Raises Refused, or AckUnknown after `timeout_seconds`."""
        try:
            msg = await self.request(subject, body, headers=headers, timeout_seconds=timeout_seconds)
        except nats.errors.Error as error:
            raise AckUnknown(f"{subject}: {type(error).__name__}") from error
        if msg is None:
            raise AckUnknown(f"{subject}: no acknowledgement within {timeout_seconds:g} s")
        return read_ack(msg)

    async def publish_surely(self, subject: str, body: bytes, *, headers: dict[str, str]) -> int:
        """Store a message that carries an id, trying again until the retry budget is spent; its stream sequence.

        Raises RetryLater then. For unfenced messages only: a repeat is dropped by its id or ignored by the fold."""
        deadline = asyncio.get_running_loop().time() + RETRY_BUDGET_SECONDS
        while True:
            try:
                sequence, _ = await self.publish(subject, body, headers=headers)
                return sequence
            except (AckUnknown, Refused) as error:
                if isinstance(error, Refused) and error.code not in TRANSIENT:
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    raise RetryLater(f"publish: {error}") from error
                await asyncio.sleep(0.2)


TRANSIENT = frozenset({503, 10008, 10009, 10023, 10047, 10077, 10122, 10158, 10164})
"""No responders, no leader, storage or cluster trouble, a write in flight: the same publish may work in a moment."""


def read_ack(msg: Msg) -> tuple[int, str]:
    """Read a publish acknowledgement; raises Refused."""
    status = (msg.headers or {}).get("Status") if msg.headers else None
    if status is not None:
        raise Refused(int(status), f"status {status} from the server")
    ack = orjson.loads(msg.data)
    if "error" in ack:
        raise Refused(int(ack["error"].get("err_code", 0)), str(ack["error"].get("description", "")))
    return int(ack["seq"]), "duplicate" if ack.get("duplicate") else "stored"


@asynccontextmanager
async def connected(
    url: str, *, service: str, client: Client | None = None, patience_seconds: float = RETRY_BUDGET_SECONDS
) -> AsyncIterator[Connection]:
    """A connection for as long as the block runs; takes over `client` where a framework has opened one. Reconnects for
    ever. Raises RetryLater when the first connection cannot be made within `patience_seconds`."""
    own = client is None
    opened = client if client is not None else await _open(url, service, patience_seconds)
    read_headers_fast(opened)
    connection = Connection(opened, opened.jetstream(timeout=5), service)
    connection._prefix = opened.new_inbox()

    async def receive(msg: Msg) -> None:
        handler = connection._waiting.get(msg.subject.rpartition(".")[2])
        if handler is not None:
            handler(msg)

    await opened.subscribe(
        f"{connection._prefix}.*", cb=receive, pending_msgs_limit=-1, pending_bytes_limit=REPLIES_PENDING_BYTES_MAX
    )
    try:
        yield connection
    finally:
        if own:
            await opened.close()


def connect_options(service: str) -> dict[str, Any]:
    """How every connection of the product behaves; pass to nats.connect or to a FastStream broker."""

    async def on_error(_: Exception) -> None:  # Permission errors arrive here only; the bus's own timeouts report them.
        return

    return {
        "name": service,
        "error_cb": on_error,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.2,
        "connect_timeout": 2,
        "ping_interval": 5,
        "max_outstanding_pings": 2,
        "pending_size": 16 * 1024 * 1024,
    }


async def _open(url: str, service: str, patience_seconds: float) -> Client:
    deadline = asyncio.get_running_loop().time() + patience_seconds
    while True:
        try:
            options = {**connect_options(service), "allow_reconnect": True}
            return await nats.connect(url.split(","), **options)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"NATS at {url.rsplit('@', maxsplit=1)[-1]} does not answer: {error}") from error
            await asyncio.sleep(0.2)
