"""Where do closed logs go, and how do they come back?"""

import gzip
from dataclasses import dataclass

import nats.js.errors
import orjson
from nats.errors import Error as NatsError

from contracts.catalogue import UnreadableMessage, read_message
from contracts.envelope import Identity, LogEntry, Message
from contracts.streams import ARCHIVE_BUCKET, LOG
from contracts.subjects import fence_of, subject_for
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.log import Log
from service_kit.objects import load_object, store_object

ARCHIVE_ENTRIES_MAX = 100_000
ARCHIVE_BYTES_MAX = 1 << 40
"""No limit: the file is our own, and taking a large one for none would forget what was decided."""
PAYLOAD_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archive:
    """One compressed file of JSON lines for each closed log."""

    connection: Connection

    async def load(self, tenant: str, key: str) -> list[LogEntry]:
        """The archived entries of a key, none if it was never archived. Raises RetryLater."""
        found = await load_object(
            self.connection.jetstream, ARCHIVE_BUCKET, f"{tenant}.{key}", bytes_max=ARCHIVE_BYTES_MAX
        )
        return [] if found is None else [_entry(line) for line in gzip.decompress(found).splitlines()]

    async def store(self, tenant: str, key: str, entries: list[LogEntry]) -> None:
        """Write the file of a key anew. Raises RetryLater."""
        lines = b"\n".join(_line(entry, tenant, key) for entry in entries[-ARCHIVE_ENTRIES_MAX:])
        await store_object(self.connection.jetstream, ARCHIVE_BUCKET, f"{tenant}.{key}", gzip.compress(lines, mtime=0))

    async def purge(self, tenant: str, key: str, last_sequence: int) -> None:
        """Remove the log up to its last message, which stays so that a late writer's fence cannot fall to 0. What came
        after `last_sequence` is untouched. Raises RetryLater.

        The timer went with the decision that ended the log, in one write: taken away here it might be that of a message
        which came meanwhile."""
        try:
            await self.connection.jetstream.purge_stream(LOG.name, subject=fence_of(tenant, key), seq=last_sequence)
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"purge of {tenant}.{key}: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class WholeLog:
    """The logs of all keys with what was archived of them, for readers who must know a key from its beginning."""

    log: Log
    archive: Archive

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        """As Log.read; from the beginning (`after` 0) the archived entries come first. Raises RetryLater."""
        live = await self.log.read(tenant, key, after=after, until=until)
        return live if after > 0 else with_archived(await self.archive.load(tenant, key), live)

    async def append(self, message: Message, identity: Identity, *, fence: int) -> LogEntry:
        """As Log.append."""
        return await self.log.append(message, identity, fence=fence)


def with_archived(archived: list[LogEntry], live: list[LogEntry]) -> list[LogEntry]:
    """One log of both; the last archived entry is still live, and counts once."""
    known = {entry.sequence for entry in archived}
    return [*archived, *(entry for entry in live if entry.sequence not in known)]


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
