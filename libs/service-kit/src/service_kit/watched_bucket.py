"""What is in a KV bucket now? It is watched, so that a change is known at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from service_kit.tasks import end_task

log = structlog.get_logger()
# After this long without news the bucket is read again: a watch does not survive every restart of the server.
_REREAD_SECONDS = 15.0
_LOAD_SECONDS_MAX = 30.0


class Watcher(Protocol):
    """Takes every entry of a bucket; `loaded` is set by the None that ends the first reading."""

    loaded: asyncio.Event

    def apply(self, entry: "KeyValue.Entry | None") -> None: ...


def is_deleted(entry: "KeyValue.Entry") -> bool:
    """Whether the entry says that there is none any more."""
    return entry.operation in ("DEL", "PURGE") or not entry.value


@asynccontextmanager
async def watched(jetstream: JetStreamContext, bucket: str, watcher: Watcher) -> AsyncIterator[None]:
    """Keeps `watcher` up to date for as long as the block runs. Raises TimeoutError when the bucket cannot be read."""
    following = asyncio.create_task(_follow(jetstream, bucket, watcher))
    try:
        async with asyncio.timeout(_LOAD_SECONDS_MAX):
            await watcher.loaded.wait()
        yield
    finally:
        await end_task(following)


async def _follow(jetstream: JetStreamContext, bucket: str, watcher: Watcher) -> None:
    while True:
        try:
            await _read_until_silent(jetstream, bucket, watcher)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            log.warning("bucket.unreachable", bucket=bucket, error=type(error).__name__)
            await asyncio.sleep(1.0)


async def _read_until_silent(jetstream: JetStreamContext, bucket: str, watcher: Watcher) -> None:
    opened = await jetstream.key_value(bucket)
    updates: Any = await opened.watchall()  # The library leaves it untyped.
    try:
        with suppress(nats.errors.TimeoutError):
            while True:
                watcher.apply(await updates.updates(timeout=_REREAD_SECONDS))
    finally:
        with suppress(nats.errors.Error):
            await updates.stop()
