"""What does a cell hold, and how is a message counted in it exactly once?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from analytics.domain.cells import Cell, Subject
from analytics.domain.histogram import Histogram, bucket_of, merged

NAMES_MAX = 300
"""Different counts in one rollup; further names are counted under `<family>.other`."""
MOMENTS_MAX = 500
"""Different moments in one rollup; further ones are counted as `moments_dropped`."""
NOTHING: Histogram = {}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one message, at this sequence of the log, adds to a subject: counts, values by name (milliseconds,
    micro-dollars), and moments by name, of which the earliest is kept."""

    sequence: int
    subject: Subject
    counts: Mapping[str, int]
    values: Mapping[str, int] = field(default_factory=dict)
    moments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """Which messages are surely counted: all up to `floor`, of the log that was created at this time.

    `comes_first`: it is an archive, which is counted as a whole before the log is."""

    log: str
    floor: int
    comes_first: bool = False


@dataclass(frozen=True, slots=True)
class Rollup:
    """What is counted in one cell, and which messages are in it: all up to `floor`, and `applied` above it.

    Messages may come in any order and more than once (a killed process's come again later than newer ones), so the
    last sequence alone would not say whether one is counted."""

    cell: Cell
    counts: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    moments: Mapping[str, int] = field(default_factory=dict)
    log: str = ""
    floor: int = 0
    applied: frozenset[int] = frozenset()

    def holds(self, sequence: int) -> bool:
        """Whether the message is counted."""
        return sequence <= self.floor or sequence in self.applied

    def histogram(self, name: str) -> Histogram:
        """The values of this name."""
        return self.histograms.get(name, NOTHING)


@dataclass(frozen=True, slots=True)
class Versioned:
    """A rollup as it is stored; version 0 is not stored yet."""

    rollup: Rollup
    version: int


def count_in(rollup: Rollup, contributions: Iterable[Contribution], settled: Settled) -> tuple[Rollup, set[int]]:
    """The rollup with what was not in it, and the sequences that were new."""
    if settled.comes_first and rollup.log not in ("", settled.log):
        return rollup, set()  # It has begun with the log, and so holds all of the archive.
    if rollup.log != settled.log:  # Another log numbers its messages anew; none of them is counted.
        rollup = replace(rollup, log=settled.log, floor=0, applied=frozenset())
    new: dict[int, Contribution] = {}
    for contribution in contributions:
        if not rollup.holds(contribution.sequence):
            new.setdefault(contribution.sequence, contribution)
    floor = max(rollup.floor, settled.floor)
    applied = frozenset(sequence for sequence in rollup.applied | new.keys() if sequence > floor)
    changed = replace(rollup, floor=floor, applied=applied)
    return (_with(changed, list(new.values())) if new else changed), set(new)


def added(counts: Mapping[str, int], more: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums by name, of at most `NAMES_MAX` labelled names and their families' `other`."""
    total = dict(counts)
    for part in more:
        for name, count in part.items():
            family, _, label = name.partition(".")
            known = name if not label or name in total or len(total) < NAMES_MAX else f"{family}.other"
            total[known] = total.get(known, 0) + count
    return total


def _with(rollup: Rollup, new: list[Contribution]) -> Rollup:
    moments, dropped = _earliest(rollup.moments, new)
    counts = added(rollup.counts, (one.counts for one in new))
    if dropped:
        counts["moments_dropped"] = counts.get("moments_dropped", 0) + dropped
    histograms = dict(rollup.histograms)
    for name in {name for one in new for name in one.values}:
        values = ({bucket_of(one.values[name]): 1} for one in new if name in one.values)
        histograms[name] = merged([rollup.histogram(name), *values])
    return replace(rollup, counts=counts, histograms=histograms, moments=moments)


def _earliest(known: Mapping[str, int], new: Iterable[Contribution]) -> tuple[dict[str, int], int]:
    """The earliest of each name, and how many names found no room."""
    moments, dropped = dict(known), 0
    for one in new:
        for name, at_ms in one.moments.items():
            if name not in moments and len(moments) >= MOMENTS_MAX:
                dropped += 1
            else:
                moments[name] = min(at_ms, moments.get(name, at_ms))
    return moments, dropped
