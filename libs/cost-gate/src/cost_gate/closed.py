"""How is Redis reached, and when is the gate closed?"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
)

from cost_gate.books import OPEN
from cost_gate.scripts import CLOSE_UNLESS_SAME
from service_kit.errors import RetryLater

AWAY = timedelta(seconds=1)
"""Asked again this soon: the bus's own schedule would leave a conversation waiting for half a minute after Redis came
back from an absence of seconds."""


class GateClosed(RetryLater):
    """What is left cannot be known now, so nothing may be spent: the gate fails closed."""


GONE = (ConnectionError, TimeoutError, AuthenticationError, OutOfMemoryError, ReadOnlyError, OSError)


def closed(reason: str) -> GateClosed:
    """The error to raise, to be tried again soon."""
    return GateClosed(f"cost gate is closed: {reason}", after=AWAY)


def connect_redis(url: str, *, connections_max: int, on_server: Callable[[str], None]) -> Redis:
    """A client for the gate. It waits for a free connection and never repeats a call by itself: the repeat of a
    reservation would find its own first half and take it for an earlier, crashed call. `on_server` is told the run id
    of the server at each new connection, before anything is asked of it: a server that was restarted, replaced or
    failed over can only be reached over a new connection."""

    async def connected(connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        run_id = run_id_in(await connection.read_response())
        # Before any command is sent here, one on its way included: books of another server's time are not known to be
        # complete, whatever they say themselves.
        await connection.send_command("EVAL", CLOSE_UNLESS_SAME, 1, OPEN, run_id)
        await connection.read_response()
        on_server(run_id)

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=5,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=connected,
    )
    return Redis.from_pool(pool)


async def ask_run_id(redis: Redis) -> str:
    """Which server answers? Raises GateClosed."""
    async with closed_when_redis_is_gone():
        return run_id_in(await redis.info("server"))


def run_id_in(info: object) -> str:
    """The identity of a server process: another one after every restart."""
    if isinstance(info, dict):
        return str(info["run_id"])
    text = info.decode() if isinstance(info, bytes) else str(info)
    found = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("run_id:")]
    return found[0] if found else ""


@asynccontextmanager
async def closed_when_redis_is_gone() -> AsyncIterator[None]:
    """Translates the library's errors."""
    try:
        yield
    except GONE as error:
        raise closed(f"redis answers {type(error).__name__}") from error
