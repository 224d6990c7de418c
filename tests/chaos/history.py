"""What is in the stream, message by message, whatever server answers just now?"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts.catalogue import UnreadableMessage
from contracts.envelope import LogEntry
from contracts.streams import LOG
from contracts.subjects import parse_subject
from service_kit.connection import Connection
from service_kit.entries import decode, entry_of, timestamp_ms, whole_body
from service_kit.key_timers import due_of

BATCH = 500
LOGS, TIMERS = "hil.*.*.*.*.*.*", "hil.timer.*.*.*"
Key = tuple[str, str]
"""Tenant and key."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a log, and which component sent it."""

    key: Key
    entry: LogEntry
    source: str


@dataclass(slots=True)
class History:
    """All logs so far, by key in the order of the stream; `follow` keeps it up to date."""

    logs: dict[Key, list[Stored]] = field(default_factory=lambda: defaultdict(list))
    line: list[tuple[int, str]] = field(default_factory=list)
    last: int = 0

    def of(self, key: Key) -> list[Stored]:
        return self.logs.get(key, [])

    async def read_on(self, connection: Connection) -> list[Stored]:
        """Take in one batch of what is new; empty when there is nothing or nobody answers."""
        found = [await _stored(connection, msg) for msg in await _batch(connection, LOGS, self.last + 1)]
        for stored in found:
            self.logs[stored.key].append(stored)
            self.line.append((stored.entry.timestamp_ms, stored.source))
            self.last = stored.entry.sequence
        return found


async def timers_due(connection: Connection) -> Mapping[Key, int]:
    """Stored timers that have not fired: when each is due, in Unix milliseconds."""
    found: dict[Key, int] = {}
    start = 1
    while batch := await _batch(connection, TIMERS, start):
        for msg in batch:
            headers = dict(msg.headers or {})
            tenant, key = headers["Nats-Subject"].split(".")[-2:]
            found[tenant, key] = due_of(headers.get("Nats-Schedule", "")) or 0
            start = int(headers["Nats-Sequence"]) + 1
    return found


async def _batch(connection: Connection, subjects: str, start: int) -> list[Msg]:
    arrived: asyncio.Queue[Msg] = asyncio.Queue()
    reply, token = connection.expect(arrived.put_nowait)
    question = {"seq": start, "batch": BATCH, "next_by_subj": subjects}
    messages: list[Msg] = []
    try:
        await connection.client.publish(f"$JS.API.DIRECT.GET.{LOG.name}", json.dumps(question).encode(), reply=reply)
        while True:
            async with asyncio.timeout(2):
                msg = await arrived.get()
            if "Status" in (msg.headers or {}):
                return messages
            messages.append(msg)
    except (TimeoutError, NatsError):
        return messages
    finally:
        connection.forget(token)


async def _stored(connection: Connection, msg: Msg) -> Stored:
    headers = dict(msg.headers or {})
    subject = parse_subject(headers["Nats-Subject"])
    body = msg.data
    try:
        body = await whole_body(connection.jetstream, body, headers)
        message = decode(headers["Nats-Subject"], body, headers)
    except UnreadableMessage:
        message = None
    entry = entry_of(
        message,
        sequence=int(headers["Nats-Sequence"]),
        stored_ms=timestamp_ms(headers["Nats-Time-Stamp"]),
        body=body,
        headers=headers,
    )
    return Stored((subject.tenant, subject.key), entry, headers.get("ce-source", "").rpartition("/")[2])
