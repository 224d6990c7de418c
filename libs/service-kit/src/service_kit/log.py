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
from service_kit.entries import body_of, decode, encode, entry_of, timestamp_ms, whole_body
from service_kit.errors import RetryLater

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
STALE, WRITE_IN_FLIGHT, NOT_LEADER = 10071, 10164, 10158
READ_BATCH = 200
READ_TIMEOUT_SECONDS = 1.0
IN_FLIGHT_SECONDS = 0.02
"""Wait before a writer is told of a write in flight or a lost leader: it will read and write again at once."""


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
        await self.connection.searches.acquire()
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
                if "Nats-Sequence" not in headers:
                    return entries, headers.get("Status") in ("204", "404")
                if entries and headers.get("Nats-Last-Sequence") != str(entries[-1].sequence):
                    return entries, False  # Something between was lost on the way: read on from there.
                entries.append(await self._entry(msg, headers))
                if until is not None and entries[-1].sequence >= until:
                    return entries, True
        except (TimeoutError, NatsError):
            return entries, False
        finally:
            self.connection.searches.release()
            self.connection.forget(token)

    async def _entry(self, msg: Msg, headers: dict[str, str]) -> LogEntry:
        message: Message | None = None
        body = msg.data
        try:
            body = await whole_body(self.connection.jetstream, body, headers)
            message = decode(headers["Nats-Subject"], body, headers)
        except UnreadableMessage:
            pass  # Its consumer wrote the dead letter; the log goes on without it.
        return entry_of(
            message,
            sequence=int(headers["Nats-Sequence"]),
            stored_ms=timestamp_ms(headers["Nats-Time-Stamp"]),
            body=body,
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
        stored = await self._store(subject, body, headers, identity=identity, fence=fence)
        if isinstance(stored, LogEntry):
            return stored
        return LogEntry(stored, 0, identity.id, message, len(body or body_of(message)))

    async def _store(
        self, subject: str, body: bytes, headers: dict[str, str], *, identity: Identity, fence: int
    ) -> int | LogEntry:
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
                    await asyncio.sleep(IN_FLIGHT_SECONDS)
                    raise FenceRefused(0) from refused
                if refused.code not in TRANSIENT:
                    raise
                error: Exception = refused
            except AckUnknown as unknown:
                unsure, error = True, unknown
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"append {subject}: {error}")
            await asyncio.sleep(0.1)

    async def _own(self, identity: Identity, fence: int, last: int) -> LogEntry | None:
        """This very decision as it stands in the tail, if an earlier try stored it after all. Or the other
        orchestrator did: the same decision, but with the clock and the inputs of its own, and those count."""
        if last <= fence:
            return None
        tail = await self.read(identity.tenant, identity.key, after=fence, until=last)
        return next((entry for entry in tail if entry.id == identity.id), None)


def _stale(last_sequence: int) -> LogEntry:
    raise FenceRefused(last_sequence)
