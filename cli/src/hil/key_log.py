"""How does a command read the log of one key, archive included?"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from contracts.envelope import LogEntry
from contracts.subjects import SubjectError, check_token
from hil.connect import address_of
from hil.outcome import CommandError, bad_input, unreachable
from service_kit.archive import Archive, WholeLog
from service_kit.connection import Connection, connected
from service_kit.errors import RetryLater
from service_kit.log import Log

T = TypeVar("T")


def with_bus(data_dir: Path, ask: Callable[[Connection], Awaitable[T]]) -> T:
    """Run `ask` on a connection to the running system; ends the command with status 3 where none answers."""

    async def asked() -> T:
        async with connected(address_of("nats", data_dir), service="hil", patience_seconds=3.0) as connection:
            return await ask(connection)

    try:
        return asyncio.run(asked())
    except RetryLater as error:
        raise unreachable(str(error)) from error


async def read_log(connection: Connection, tenant: str, key: str) -> list[LogEntry]:
    """Every entry of a key in order; ends the command where there is none."""
    try:
        check_token(tenant, what="tenant")
        check_token(key, what="key")
    except SubjectError as error:
        raise bad_input(str(error)) from error
    entries = await WholeLog(Log(connection), Archive(connection)).read(tenant, key)
    if not entries:
        raise CommandError(f"nothing is known of key {key!r} of tenant {tenant!r}")
    return entries
