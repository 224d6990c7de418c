"""How is the log of a key read, and how is a decision appended so that only one writer can win?"""

import asyncio
import json
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts.catalogue import UnreadableMessage
from contracts.envelope import Identity, LogEntry, Message
from contracts.streams import LOG, StreamSpec
from contracts.subjects import fence_of
from service_kit.connection import RETRY_BUDGET_SECONDS, TRANSIENT, AckUnknown, Connection, Refused
from service_kit.entries import decode, encode, entry_of, timestamp_ms
from service_kit.errors import RetryLater

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
STALE, WRITE_IN_FLIGHT, NOT_LEADER = 10071, 10164, 10158
READ_BATCH = 200
READ_TIMEOUT_SECONDS = 1.0


class FenceRefused(Exception):
    """Something else was stored for this key; `last_sequence` is its newest, 0 when the server does not say."""

    def __init__(self, last_sequence: int) -> None:
        super().__init__(f"the log goes on to {last_sequence}")
        self.last_sequence = last_sequence


@dataclass(frozen=True, slots=True)
class Log:
    """The logs of all keys in one stream."""

    connection: Connection
    stream: StreamSpec = LOG

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        """Entries of a key with sequence > `after`, complete through `until` (None: to the end as the server that
        answers knows it). Reads from replicas may be stale, so a short one is repeated (ARCHITECTURE 1, rule 6).

        Raises RetryLater when `until` is not reached within the retry budget."""
        entries: list[LogEntry] = []
        deadline = asyncio.get_running_loop().time() + RETRY_BUDGET_SECONDS
        while True:
            start = (entries[-1].sequence if entries else after) + 1
            batch, ended = await self._read_once(fence_of(tenant, key), start, until)
            entries += batch
            reached = entries[-1].sequence if entries else after
            if (until is not None and reached >= until) or (until is None and ended and len(batch) < READ_BATCH):
                return entries
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"log of {tenant}.{key} cannot be read to {until}: reached {reached}")
            if not batch:
                await asyncio.sleep(0.02)

    async def _read_once(self, subject_filter: str, start: int, until: int | None) -> tuple[list[LogEntry], bool]:
        """What one direct get brings, and whether it came to its end. It stops listening at `until`: past the last
        match the server would scan on to the end of the stream."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        reply, token = self.connection.expect(arrived.put_nowait)
        question = {"seq": start, "batch": READ_BATCH, "next_by_subj": subject_filter}
        entries: list[LogEntry] = []
        try:
            await self.connection.client.publish(
                f"$JS.API.DIRECT.GET.{self.stream.name}", json.dumps(question).encode(), reply=reply
            )
            while True:
                async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                    msg = await arrived.get()
                headers = dict(msg.headers or {})
                if "Status" in headers:
                    return entries, headers["Status"] in ("204", "404")
                entries.append(await self._entry(msg, headers))
                if until is not None and entries[-1].sequence >= until:
                    return entries, True
        except (TimeoutError, NatsError):
            return entries, False
        finally:
            self.connection.forget(token)

    async def _entry(self, msg: Msg, headers: dict[str, str]) -> LogEntry:
        message: Message | None
        try:
            message = await decode(
                self.connection.jetstream, subject=headers["Nats-Subject"], body=msg.data, headers=headers
            )
        except UnreadableMessage:
            message = None  # Its consumer wrote the dead letter; the log goes on without it.
        return entry_of(
            message,
            sequence=int(headers["Nats-Sequence"]),
            stored_ms=timestamp_ms(headers["Nats-Time-Stamp"]),
            body=msg.data,
            headers=headers,
        )

    async def append(
        self, message: Message, identity: Identity, *, fence: int, cancels_timer: str | None = None
    ) -> LogEntry:
        """Append if `fence` is still the last sequence of the key; the entry as stored, without its log time.

        A fenced message carries no `Nats-Msg-Id`: on replicas the server would answer `duplicate` even to a stale
        fence (rule 6). `cancels_timer` names a timer subject that the same write purges. Raises FenceRefused, or
        RetryLater when no answer comes within the retry budget."""
        subject, body, headers = await encode(
            message, identity, jetstream=self.connection.jetstream, service=self.connection.service
        )
        headers |= {EXPECTED: str(fence), EXPECTED_SUBJECT: fence_of(identity.tenant, identity.key)}
        if cancels_timer is not None:
            headers |= {"Nats-Schedule-Next": "purge", "Nats-Scheduler": cancels_timer}
        sequence = await self._store(subject, body, headers, identity=identity, fence=fence)
        return LogEntry(sequence, 0, identity.id, message, len(body))

    async def _store(
        self, subject: str, body: bytes, headers: dict[str, str], *, identity: Identity, fence: int
    ) -> int:
        deadline = asyncio.get_running_loop().time() + RETRY_BUDGET_SECONDS
        unsure = False
        while True:
            try:
                return (await self.connection.publish(subject, body, headers=headers))[0]
            except Refused as refused:
                if refused.code == STALE:
                    last = int(refused.description.rsplit(" ", 1)[-1])
                    return await self._own(identity, fence, last if unsure else 0) or _stale(last)
                if refused.code in (WRITE_IN_FLIGHT, NOT_LEADER) and not unsure:
                    raise FenceRefused(0) from refused
                if refused.code not in TRANSIENT:
                    raise
                error: Exception = refused
            except AckUnknown as unknown:
                unsure, error = True, unknown
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"append {subject}: {error}")
            await asyncio.sleep(0.1)

    async def _own(self, identity: Identity, fence: int, last: int) -> int:
        """Where this very decision stands in the tail, if an earlier try stored it after all; else 0."""
        if last <= fence:
            return 0
        tail = await self.read(identity.tenant, identity.key, after=fence, until=last)
        return next((entry.sequence for entry in tail if entry.id == identity.id), 0)


def _stale(last_sequence: int) -> int:
    raise FenceRefused(last_sequence)
