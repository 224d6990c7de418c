"""How does what holds for seconds only reach every replica: over NATS, past the log?"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import JsonValue

from contracts.subjects import LIVE_FILTER, live_subject
from hil_inbox.domain.live_state import Live, live_of
from service_kit.connection import Connection
from service_kit.errors import RetryLater

BODY_BYTES_MAX = 4_096
PENDING_MAX = 10_000
"""What comes faster than it is handled is lost, as all of it may be."""


async def tell_live(
    connection: Connection, kind: str, tenant: str, about: str, *, body: Mapping[str, JsonValue]
) -> None:
    """Tell every replica; nobody answers. Raises RetryLater."""
    try:
        await connection.client.publish(live_subject(kind, tenant, about), orjson.dumps(body))
    except NatsError as error:
        raise RetryLater(f"{kind}: {type(error).__name__}") from error


@asynccontextmanager
async def live_heard(
    connection: Connection, hear: Callable[[Live], None], now_ms: Callable[[], int]
) -> AsyncIterator[None]:
    """Hand everything that is told to `hear` for as long as the block runs. What cannot be read is passed over."""

    async def receive(msg: Msg) -> None:
        live = _read(msg, now_ms())
        if live is not None:
            hear(live)

    subscription = await connection.client.subscribe(LIVE_FILTER, cb=receive, pending_msgs_limit=PENDING_MAX)
    try:
        yield
    finally:
        if connection.ready:
            await subscription.unsubscribe()


def _read(msg: Msg, now_ms: int) -> Live | None:
    tokens = msg.subject.split(".")
    if len(tokens) not in (4, 5) or len(msg.data) > BODY_BYTES_MAX:
        return None
    try:
        body = orjson.loads(msg.data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    return live_of(tokens[2], tokens[3], tokens[4] if len(tokens) == 5 else "", body, now_ms=now_ms)
