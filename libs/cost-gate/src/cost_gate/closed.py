"""Why is the gate closed?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
)
from service_kit.errors import RetryLater


class GateClosed(RetryLater):
    """Redis cannot say what is left, so nothing may be spent: the gate fails closed."""


_GONE = (ConnectionError, TimeoutError, AuthenticationError, OutOfMemoryError, ReadOnlyError, OSError)


@asynccontextmanager
async def closed_when_redis_is_gone() -> AsyncIterator[None]:
    try:
        yield
    except _GONE as error:
        raise GateClosed(f"cost gate is closed: redis answers {type(error).__name__}") from error
