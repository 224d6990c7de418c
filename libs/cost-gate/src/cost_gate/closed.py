"""How is Redis reached, and when is the gate closed?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
)

from service_kit.errors import RetryLater

AWAY = timedelta(seconds=1)
"""Asked again this soon: the bus's own schedule would leave a conversation waiting for half a minute after Redis came
back from an absence of seconds."""


class GateClosed(RetryLater):
    """Redis cannot say what is left, so nothing may be spent: the gate fails closed."""


_GONE = (ConnectionError, TimeoutError, AuthenticationError, OutOfMemoryError, ReadOnlyError, OSError)


def connect_gate(url: str, *, connections_max: int = 64) -> Redis:
    """A client for the gate. It waits for a free connection and never repeats a call by itself: the repeat of a
    reservation would find its own first half and take it for an earlier, crashed call."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=5,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def closed_when_redis_is_gone() -> AsyncIterator[None]:
    try:
        yield
    except _GONE as error:
        raise GateClosed(f"cost gate is closed: redis answers {type(error).__name__}", after=AWAY) from error
