"""How is the log of a key read, and how is a decision appended so that only one writer can win?"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Counter

from contracts.envelope import Identity, LogEntry, Message
from contracts.streams import LOG, StreamSpec
from contracts.subjects import fence_of
from service_kit.connection import RETRY_BUDGET_SECONDS, TRANSIENT, AckUnknown, Connection, Refused
from service_kit.entries import body_of, encode, read_entry, timestamp_ms
from service_kit.errors import RetryLater

READS = Counter(
    "hil_log_reads_total", "Reads of keys' logs; `searched` and `to_end` are the dear ones (ADR-0022).", ("how",)
)
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
STALE, WRITE_IN_FLIGHT, NOT_LEADER = 10071, 10164, 10158
READ_BATCH = 200
READ_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS_MAX = 1.0, 8.0
NEAR = 300
"""A search through fewer messages of the stream costs the server less than one look more. Through 10,000 it costs 5 to
10 ms of a core, a look at one sequence 0.1 ms (ADR-0022)."""
STEPS_BACK_MAX = 8
IN_FLIGHT_SECONDS = 0.02
"""Wait before a writer is told of a write in flight or a lost leader: it will read and write again at once."""


class FenceRefused(Exception):
    """Something else was stored for this key; `last_sequence` is its newest, 0 when the server does not say."""

    def __init__(self, last_sequence: int) -> None:
        super().__init__(f"the log goes on to {last_sequence}")
        self.last_sequence = last_sequence


def fenced_on(headers: Mapping[str, str], tenant: str, key: str) -> int | None:
    """Which was the key's last sequence before a stored message; None where it carries no fence of this key. The server
    let it in because that was true."""
    number = headers.get(EXPECTED, "") if headers.get(EXPECTED_SUBJECT) == fence_of(tenant, key) else ""
    return int(number) if number.isascii() and number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Log:
    """The logs of all keys in one stream."""

    connection: Connection
    stream: StreamSpec = LOG

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        """Entries of a key with sequence > `after`, complete through `until` (None: to the end as the server that
        answers knows it). Reads from replicas may be stale, so a short one is repeated (ARCHITECTURE 1, rule 6).

        Raises RetryLater when `until` is not reached within the retry budget."""
        if until is None or until - after <= NEAR:
            READS.labels("to_end" if until is None else "near").inc()
            return await self._search(tenant, key, after=after, until=until)
        before, tail = await self._walk_back(tenant, key, after=after, until=until)
        READS.labels("walked" if before - after <= NEAR else "searched").inc()
        return tail if before <= after else [*await self._search(tenant, key, after=after, until=before), *tail]

    async def _walk_back(self, tenant: str, key: str, *, after: int, until: int) -> tuple[int, list[LogEntry]]:
        """The end of what is asked for without a gap, and the entry before it, through which is left to be searched.

        A fenced message says in its header which was the key's last before it, and the server let it in because that
        was true. Of what is before one without a fence nothing is known; and where one is purged, the search ends at
        the one that names it."""
        place, tail = until, list[LogEntry]()
        for _ in range(STEPS_BACK_MAX):
            found = await self._at(place)
            if found is None:
                return (tail.pop(0).sequence, tail) if tail else (until, [])
            entry, headers = found
            before = fenced_on(headers, tenant, key)
            if before is None:
                break
            tail.insert(0, entry)
            place = before
            if place <= after:
                break
        return place, tail

    async def _at(self, sequence: int) -> tuple[LogEntry, dict[str, str]] | None:
        """The message with this sequence and its headers, None where the server that answers does not show it."""
        subject = f"$JS.API.DIRECT.GET.{self.stream.name}"
        try:
            msg = await self.connection.request(subject, b'{"seq":%d}' % sequence, timeout_seconds=READ_TIMEOUT_SECONDS)
        except NatsError:
            return None
        if msg is None:
            return None
        headers = dict(msg.headers or {})
        return (await self._entry(msg, headers), headers) if "Nats-Sequence" in headers else None

    async def _search(self, tenant: str, key: str, *, after: int, until: int | None) -> list[LogEntry]:
        entries: list[LogEntry] = []
        deadline, patience = asyncio.get_running_loop().time() + RETRY_BUDGET_SECONDS, READ_TIMEOUT_SECONDS
        while True:
            start = (entries[-1].sequence if entries else after) + 1
            batch, ended = await self._read_once(fence_of(tenant, key), start, until, patience)
            entries += batch
            reached = entries[-1].sequence if entries else after
            if (until is not None and reached >= until) or (until is None and ended and len(batch) < READ_BATCH):
                return entries
            if asyncio.get_running_loop().time() > deadline:
                raise RetryLater(f"log of {tenant}.{key} cannot be read to {until}: reached {reached}")
            if not batch:  # A server that is late searches on for everybody who asked and left: ask it less often.
                patience = min(2 * patience, READ_TIMEOUT_SECONDS_MAX)
                await asyncio.sleep(0.02)

    async def _read_once(
        self, subject_filter: str, start: int, until: int | None, patience: float
    ) -> tuple[list[LogEntry], bool]:
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
                async with asyncio.timeout(patience):
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
        return await read_entry(
            self.connection.jetstream,
            headers["Nats-Subject"],
            msg.data,
            headers,
            sequence=int(headers["Nats-Sequence"]),
            stored_ms=timestamp_ms(headers["Nats-Time-Stamp"]),
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
