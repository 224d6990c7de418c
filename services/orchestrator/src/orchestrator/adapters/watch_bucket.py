"""How does a process keep up with a key-value bucket, across reconnects and restarts of the server?

By reading the bucket's stream in order, one entry after the other, from the leader. A core subscription only says when
to look. The library's watch is not used: the ordered consumer behind it is lost in a restart of the server, and a
second watch on the same connection was seen to wait for its first answer until it timed out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from service_kit.connection import Connection
from service_kit.errors import RetryLater

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""How often the stream is looked at without being told, so that a lost notice costs no more than that."""
STORED_SECONDS = (0.0, 0.01, 0.05)
"""Waits after a notice: it may come before the server has stored what it is about."""
AGAIN_SECONDS = 0.3

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
        while True:
            try:
                found = await self.connection.jetstream.get_msg(
                    f"KV_{self.bucket}", seq=self.revision + 1, subject=f"{prefix}>", next=True
                )
            except NotFoundError:
                return
            assert found.seq is not None and found.subject is not None, "a stored message without sequence or subject"
            is_deletion = "KV-Operation" in (found.headers or {})
            await self.apply(found.subject.removeprefix(prefix), None if is_deletion else found.data or b"")
            self.revision = found.seq
