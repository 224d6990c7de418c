"""What does a minute of one workflow version hold, and how is a message counted in it exactly once?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from analytics.domain.histogram import Histogram, bucket_of, merged

MINUTE_MS = 60_000
NAMES_MAX = 300
"""Different counts in one rollup; further names are counted under `<family>.other`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a rollup is about. Messages that belong to no execution have workflow and version ''."""

    tenant: str
    workflow: str
    version: str
    minute_ms: int

    @property
    def id(self) -> str:
        """Unique over all cells."""
        return f"{self.tenant}/{self.minute_ms}/{self.workflow}/{self.version}"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one message, at this sequence of the log, adds to its cell."""

    sequence: int
    cell: Cell
    counts: Mapping[str, int]
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Which messages are surely counted: all up to `floor`, of the log that was created at this time."""

    log: str
    floor: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """Counts of one cell, and which messages are in them: all up to `floor`, and `applied` above it.

    Messages may come in any order and more than once (a killed process's come again later than newer ones), so the
    last sequence alone would not say whether one is counted."""

    cell: Cell
    counts: Mapping[str, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=dict)
    log: str = ""
    floor: int = 0
    applied: frozenset[int] = frozenset()

    def holds(self, sequence: int) -> bool:
        """Whether the message is counted."""
        return sequence <= self.floor or sequence in self.applied


@dataclass(frozen=True, slots=True)
class Versioned:
    """A rollup as it is stored; version 0 is not stored yet."""

    rollup: Rollup
    version: int


def count_in(rollup: Rollup, contributions: Iterable[Contribution], settled: Settled) -> tuple[Rollup, set[int]]:
    """The rollup with what was not in it, and the sequences that were new."""
    if rollup.log != settled.log:  # Another log numbers its messages anew; none of them is counted.
        rollup = replace(rollup, log=settled.log, floor=0, applied=frozenset())
    new: dict[int, Contribution] = {}
    for contribution in contributions:
        if not rollup.holds(contribution.sequence):
            new.setdefault(contribution.sequence, contribution)
    floor = max(rollup.floor, settled.floor)
    applied = frozenset(sequence for sequence in rollup.applied | new.keys() if sequence > floor)
    counts = added(rollup.counts, (contribution.counts for contribution in new.values()))
    latency = merged([rollup.latency, *(_latency(contribution) for contribution in new.values())])
    changed = replace(rollup, counts=counts, latency=latency, floor=floor, applied=applied)
    return changed, set(new)


def added(counts: Mapping[str, int], more: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums by name, of at most `NAMES_MAX` labelled names and their families' `other`."""
    total = dict(counts)
    for part in more:
        for name, count in part.items():
            family, _, label = name.partition(".")
            known = name if not label or name in total or len(total) < NAMES_MAX else f"{family}.other"
            total[known] = total.get(known, 0) + count
    return total


def _latency(contribution: Contribution) -> Histogram:
    return {} if contribution.latency_ms is None else {bucket_of(contribution.latency_ms): 1}
