"""How does what was spent get into the log, where the books can be rebuilt from it?"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog
from nats.js.errors import Error as JetStreamError
from prometheus_client import Counter, Gauge

from contracts.costs import CostEntry, CostRecorded, RequestRecord
from contracts.envelope import Identity, Message, derive_message_id
from service_kit.connection import Refused
from service_kit.errors import RetryLater

log = structlog.get_logger()
BATCH_MAX = 200
PENDING_MAX = 20_000
"""Records kept while the log cannot be reached; above it no further calls are taken."""
_GATHER_SECONDS = 0.02
_PAUSE_SECONDS = 0.5
_STOP_SECONDS = 10.0
RECORDS = Counter("hil_ledger_records_total", "Records stored in the cost ledger.")
PENDING = Gauge("hil_ledger_pending_records", "Records of the cost ledger that are not stored yet.")


class Publish(Protocol):
    """Stores a fact surely, once per id; raises RetryLater."""

    async def __call__(self, message: Message, identity: Identity) -> int: ...


@dataclass(frozen=True, slots=True)
class _Line:
    tenant: str
    entry: CostEntry | None
    request: RequestRecord | None


@dataclass(slots=True)
class Ledger:
    """Records of concurrent requests go into one message: a message a request would cost more than the gate. What is
    not stored yet when the process is killed is still in the books of the gate, and is missed only if those are lost
    within the same seconds (ADR-0009)."""

    publish: Publish
    recorded: Callable[[str], None]
    """Told each reservation whose entry is stored."""
    now: Callable[[], datetime]
    _lines: deque[_Line] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_room(self) -> bool:
        """Whether further calls may be made: what they cost could be recorded."""
        return len(self._lines) < PENDING_MAX

    def add_entry(self, tenant: str, entry: CostEntry) -> None:
        """Record one change of the books."""
        self._add(_Line(tenant, entry, None))

    def add_request(self, tenant: str, record: RequestRecord) -> None:
        """Record how a request ended."""
        self._add(_Line(tenant, None, record))

    async def run(self, stop: asyncio.Event) -> None:
        """Store what is added, until `stop` is set and everything is stored, or 10 s have passed after it."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
        until: float | None = None
        while self._lines or not stop.is_set():
            if stop.is_set():
                until = until or time.monotonic() + _STOP_SECONDS
                if time.monotonic() > until:
                    log.error("ledger.not_stored", records=len(self._lines))
                    return
            await self._store_some(stop)

    def _add(self, line: _Line) -> None:
        self._lines.append(line)
        self._wake.set()

    async def _store_some(self, stop: asyncio.Event) -> None:
        await self._wake.wait()
        if not stop.is_set():
            await asyncio.sleep(_GATHER_SECONDS)
        self._wake.clear()
        batch = [self._lines.popleft() for _ in range(min(BATCH_MAX, len(self._lines)))]
        PENDING.set(len(self._lines) + len(batch))
        by_tenant: dict[str, list[_Line]] = {}
        for line in batch:
            by_tenant.setdefault(line.tenant, []).append(line)
        for tenant, lines in by_tenant.items():
            if not await self._stored(tenant, lines):
                self._lines.extendleft(reversed(lines))
                await asyncio.sleep(_PAUSE_SECONDS)
        if self._lines:
            self._wake.set()

    async def _stored(self, tenant: str, lines: Sequence[_Line]) -> bool:
        entries = tuple(line.entry for line in lines if line.entry is not None)
        requests = tuple(line.request for line in lines if line.request is not None)
        message = CostRecorded(entries=entries, requests=requests)
        try:
            await self.publish(message, _identity(tenant, entries, requests, day=self.now().astimezone(UTC)))
        except (RetryLater, Refused, JetStreamError) as error:
            log.warning("ledger.waits", reason=type(error).__name__, records=len(self._lines))
            return False
        for entry in entries:
            self.recorded(entry.reservation_id)
        RECORDS.inc(len(lines))
        return True


def _identity(
    tenant: str, entries: Sequence[CostEntry], requests: Iterable[RequestRecord], *, day: datetime
) -> Identity:
    """The id comes from what is recorded, so that a batch stored twice is one message."""
    parts = [f"{entry.reservation_id}:{entry.standing}" for entry in entries]
    parts += [f"{record.request_id}:{record.recorded_ms}" for record in requests]
    cause = parts[0]
    return Identity(tenant, f"costs-{day:%Y-%m-%d}", derive_message_id("+".join(parts), "cost.recorded"), cause)
