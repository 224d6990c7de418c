"""A log in memory that behaves as three replicas do: a fenced write may pass over an earlier unfenced one.

Not a stand-in for the server (integration tests use real ones): it makes one interleaving happen every time that real
replicas show in some of many races (ARCHITECTURE 1).
"""

from dataclasses import dataclass, field

from contracts.envelope import Identity, LogEntry, Message
from service_kit.key_timers import NOTHING, Armed
from service_kit.log import FenceRefused


@dataclass
class RacingLog:
    """`under_next` are stored below the next fenced write, which does not notice them."""

    entries: list[LogEntry] = field(default_factory=list)
    under_next: list[LogEntry] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def store(self, message: Message, *, id: str) -> LogEntry:
        entry = LogEntry(len(self.entries) + 1, 1_000 + len(self.entries), id, message, 100)
        self.entries.append(entry)
        return entry

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        self.events.append(f"read {after}..{until}")
        last = len(self.entries) if until is None else until
        return [entry for entry in self.entries if after < entry.sequence <= last]

    async def append(
        self, message: Message, identity: Identity, *, fence: int, cancels_timer: str | None = None
    ) -> LogEntry:
        last = self.entries[-1].sequence if self.entries else 0
        if fence != last:
            raise FenceRefused(last)
        for passed_over in self.under_next:
            self.store(passed_over.message, id=passed_over.id)  # type: ignore[arg-type]
        self.under_next = []
        self.events.append(f"append {message.route.name}")
        return self.store(message, id=identity.id)


@dataclass
class NotedTimers:
    """Notes when timers are stored, in the same list as the log's events."""

    events: list[str]
    dues: list[int] = field(default_factory=list)

    async def arm(self, tenant: str, key: str, *, due_ms: int, known: Armed) -> Armed:
        self.events.append("arm")
        self.dues.append(due_ms)
        return Armed(due_ms, 1)

    async def stored(self, tenant: str, key: str) -> Armed:
        return NOTHING
