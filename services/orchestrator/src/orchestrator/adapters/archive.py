"""Where do closed logs go, and how do they come back?"""

import gzip
from dataclasses import dataclass

import nats.js.errors
import orjson
from nats.errors import Error as NatsError
from nats.js.object_store import ObjectStore

from contracts.catalogue import UnreadableMessage, read_message
from contracts.envelope import LogEntry
from contracts.streams import ARCHIVE_BUCKET, LOG
from contracts.subjects import fence_of, subject_for
from orchestrator.adapters.timers import wake_subject
from service_kit.connection import Connection
from service_kit.errors import RetryLater

ARCHIVE_ENTRIES_MAX = 100_000
PAYLOAD_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class Archive:
    """One compressed file of JSON lines for each closed log."""

    connection: Connection
    _bucket: ObjectStore | None = None

    async def load(self, tenant: str, key: str) -> list[LogEntry]:
        """The archived entries of a key, none if it was never archived. Raises RetryLater."""
        try:
            found = await (await self._opened()).get(f"{tenant}.{key}")
        except nats.js.errors.NotFoundError:
            return []
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"archive of {tenant}.{key}: {error}") from error
        return [_entry(line) for line in gzip.decompress(found.data or b"").splitlines()]

    async def store(self, tenant: str, key: str, entries: list[LogEntry]) -> None:
        """Write the file of a key anew. Raises RetryLater."""
        lines = b"\n".join(_line(entry, tenant, key) for entry in entries[-ARCHIVE_ENTRIES_MAX:])
        try:
            await (await self._opened()).put(f"{tenant}.{key}", gzip.compress(lines, mtime=0))
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"archive of {tenant}.{key}: {error}") from error

    async def purge(self, tenant: str, key: str, last_sequence: int) -> None:
        """Remove the timer, then the log up to its last message, which stays so that a late writer's fence cannot
        fall to 0. What came after `last_sequence` is untouched. Raises RetryLater."""
        jetstream = self.connection.jetstream
        try:
            await jetstream.purge_stream(LOG.name, subject=wake_subject(tenant, key))
            await jetstream.purge_stream(LOG.name, subject=fence_of(tenant, key), seq=last_sequence)
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"purge of {tenant}.{key}: {error}") from error

    async def _opened(self) -> ObjectStore:
        if self._bucket is None:
            self._bucket = await self.connection.jetstream.object_store(ARCHIVE_BUCKET)
        return self._bucket


def _line(entry: LogEntry, tenant: str, key: str) -> bytes:
    message = entry.message
    return orjson.dumps(
        {
            "sequence": entry.sequence,
            "timestamp_ms": entry.timestamp_ms,
            "id": entry.id,
            "bytes": entry.bytes_stored,
            "traceparent": entry.traceparent,
            "subject": subject_for(message, tenant, key) if message is not None else None,
            "body": message.model_dump_json(exclude_defaults=True) if message is not None else None,
        }
    )


def _entry(line: bytes) -> LogEntry:
    kept = orjson.loads(line)
    message = None
    if kept["subject"] is not None:
        try:
            message = read_message(kept["subject"], kept["body"].encode(), bytes_max=PAYLOAD_MAX)
        except UnreadableMessage:
            message = None
    return LogEntry(kept["sequence"], kept["timestamp_ms"], kept["id"], message, kept["bytes"], kept.get("traceparent"))
