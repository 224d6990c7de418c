"""Which changes can a subscriber of the feed still be given without a hole?"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

COMPACT_AT = 1_024


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One message of the log as subscribers get it: serialized once, whoever reads it."""

    seq: int
    tenant: str
    frame: bytes


@dataclass(slots=True)
class FeedRing:
    """The newest changes in the order of the log, bounded in number and bytes.

    Everything after `floor` and through `position` is known: a sequence between them that has no event is none of the
    inbox's. So a cursor in between can be served, and no other. `life` is another one after each restart: a cursor
    from before it may look like one that is held, and means something else."""

    events_max: int
    bytes_max: int
    floor: int = 0
    position: int = 0
    newest: int = 0
    life: int = 0
    _events: list[FeedEvent] = field(default_factory=list)
    _sequences: list[int] = field(default_factory=list)
    _head: int = 0
    _bytes: int = 0

    def restart(self, floor: int) -> None:
        """Know nothing but that the pass starts behind `floor`."""
        self.floor = self.position = self.newest = floor
        self.life += 1
        self._events, self._sequences, self._head, self._bytes = [], [], 0, 0

    def append(self, event: FeedEvent) -> None:
        """The next event; the oldest make room, at least one stays."""
        assert event.seq > self.position, "events come in the order of the log"
        self._events.append(event)
        self._sequences.append(event.seq)
        self._bytes += len(event.frame)
        self.position = self.newest = event.seq
        while len(self) > 1 and (len(self) > self.events_max or self._bytes > self.bytes_max):
            self._drop_oldest()
        if self._head > max(COMPACT_AT, len(self)):
            del self._events[: self._head], self._sequences[: self._head]
            self._head = 0

    def advance(self, position: int) -> None:
        """Nothing of the inbox's is between the newest event and `position`."""
        self.position = max(self.position, position)

    def __len__(self) -> int:
        return len(self._events) - self._head

    def holds(self, cursor: int) -> bool:
        """Whether what follows `cursor` is known without a hole."""
        return self.floor <= cursor <= self.position

    def after(self, cursor: int, limit: int) -> Sequence[FeedEvent]:
        """The next events behind a cursor that the ring holds."""
        start = bisect_right(self._sequences, cursor, self._head)
        return self._events[start : start + limit]

    def _drop_oldest(self) -> None:
        oldest = self._events[self._head]
        self.floor = oldest.seq
        self._bytes -= len(oldest.frame)
        self._head += 1
