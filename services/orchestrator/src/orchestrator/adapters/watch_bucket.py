"""How does a process keep up with a key-value bucket, across reconnects and restarts of the server?

By reading the bucket's stream in order, one entry after the other, from the leader. A core subscription only says when
to look. So there is no consumer that a restart of the server could lose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from service_kit.connection import RETRY_BUDGET_SECONDS, Connection
from service_kit.errors import RetryLater
from service_kit.tasks import end_task

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""How often the stream is looked at without being told, so that a lost notice costs no more than that."""
STORED_SECONDS = (0.0, 0.01, 0.05)
"""Waits after a notice: it may come before the server has stored what it is about."""
AGAIN_SECONDS = 0.3
READ_SECONDS = 1.5
"""Wait for one entry, which takes a millisecond: a server that was killed never answers, and a start waits for this."""

Apply = Callable[[str, bytes | None], Awaitable[None]]


@dataclass(slots=True)
class BucketWatch:
    """Hands every stored entry to `apply(key, value)`, oldest first, then every change; a value of None is a deletion.
    After a failure the same entry may come again."""

    connection: Connection
    bucket: str
    apply: Apply
    revision: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Follow until cancelled; `complete` is set once everything stored at the start was handed over."""
        subscription = await self.connection.client.subscribe(f"$KV.{self.bucket}.>", cb=self._notice)
        try:
            while True:
                self._told.clear()
                await self._catch_up_surely()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._told.wait()
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _notice(self, _: Msg) -> None:
        self._told.set()

    async def _catch_up_surely(self) -> None:
        try:
            before = self.revision
            for wait_seconds in STORED_SECONDS:
                await asyncio.sleep(wait_seconds)
                await self._catch_up()
                if self.revision > before or not self._told.is_set():
                    break
            self.complete.set()
        except (NatsError, OSError, TimeoutError, RetryLater) as error:
            log.warning("bucket.unreadable", bucket=self.bucket, error=repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _catch_up(self) -> None:
        prefix = f"$KV.{self.bucket}."
        jetstream = self.connection.client.jetstream(timeout=READ_SECONDS)
        while True:
            try:
                found = await jetstream.get_msg(
                    f"KV_{self.bucket}", seq=self.revision + 1, subject=f"{prefix}>", next=True
                )
            except NotFoundError:
                return
            assert found.seq is not None and found.subject is not None, "a stored message without sequence or subject"
            is_deletion = "KV-Operation" in (found.headers or {})
            await self.apply(found.subject.removeprefix(prefix), None if is_deletion else found.data or b"")
            self.revision = found.seq


@asynccontextmanager
async def following(connection: Connection, bucket: str, apply: Apply) -> AsyncIterator[BucketWatch]:
    """A watch that has handed over everything stored, and goes on while the block runs. Raises RetryLater."""
    watch = BucketWatch(connection, bucket, apply)
    watching = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(RETRY_BUDGET_SECONDS):
            await watch.complete.wait()
        yield watch
    except TimeoutError as error:
        if watch.complete.is_set():
            raise
        raise RetryLater(f"bucket {bucket} cannot be read") from error
    finally:
        await end_task(watching)
