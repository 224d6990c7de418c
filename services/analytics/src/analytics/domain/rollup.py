"""What does a cell hold, and how is a message counted in it exactly once?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from analytics.domain.cells import Cell, Subject
from analytics.domain.histogram import Histogram, Ranked, bucket_of, merged

NAMES_MAX = 300
"""Different counts in one rollup; further names are counted under `<family>.other`."""
CLIENTS_NAMES_MAX, OF_CLIENTS = 200, frozenset({"kpi", "micros", "micros_high"})
"""Those that clients make up leave room for the others."""
MOMENTS_MAX = 500
"""Different moments in one rollup; further ones are counted as `moments_dropped`."""
NOTHING: Histogram = {}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one message, at this sequence of the log, adds to a subject: counts, values by name (milliseconds,
    micro-dollars), moments by name, of which the earliest is kept, and whole histograms."""

    sequence: int
    subject: Subject
    counts: Mapping[str, int]
    values: Mapping[str, int] = field(default_factory=dict)
    moments: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posting:
    """What one write of a conversation changes in a sum over many, in cells of this minute. It is numbered by one of
    the messages of that write."""

    minute_ms: int
    contribution: Contribution


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
    last sequence alone would not say whether one is counted. `postings` are those of a conversation that may not be
    counted yet; None where it was last stored before there were any, so that no sum holds anything of it."""

    cell: Cell
    counts: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    moments: Mapping[str, int] = field(default_factory=dict)
    log: str = ""
    floor: int = 0
    applied: frozenset[int] = frozenset()
    postings: tuple[Posting, ...] | None = ()
    _ranked: dict[str, Ranked] = field(default_factory=dict, compare=False, repr=False)

    def holds(self, sequence: int) -> bool:
        """Whether the message is counted."""
        return sequence <= self.floor or sequence in self.applied

    def histogram(self, name: str) -> Histogram:
        """The values of this name."""
        return self.histograms.get(name, NOTHING)

    def ranked(self, name: str) -> Ranked:
        """The same in their order, made once: what is over is asked for again and again."""
        if name not in self._ranked:
            self._ranked[name] = Ranked(self.histogram(name))
        return self._ranked[name]


@dataclass(frozen=True, slots=True)
class Versioned:
    """A rollup as it is stored; version 0 is not stored yet."""

    rollup: Rollup
    version: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What some messages add to a subject."""

    counts: Mapping[str, int]
    histograms: Mapping[str, Histogram]
    moments: Mapping[str, int]


class Together:
    """What some messages add to one subject, each once. The sum is made when it is first asked for, and serves for all
    cells that none of them is counted in yet: mostly the minute, the hour and the day."""

    def __init__(self, contributions: Iterable[Contribution]) -> None:
        self._by_sequence: dict[int, Contribution] = {}
        for one in contributions:
            self._by_sequence.setdefault(one.sequence, one)
        self.sequences = frozenset(self._by_sequence)

    @cached_property
    def sum(self) -> Sum:
        """All of them."""
        return _sum(self._by_sequence.values())

    def beyond(self, rollup: Rollup) -> "Together":
        """Those that are not counted in it."""
        if min(self.sequences) > rollup.floor and rollup.applied.isdisjoint(self.sequences):
            return self
        return Together(one for sequence, one in self._by_sequence.items() if not rollup.holds(sequence))

    def __iter__(self) -> Iterator[Contribution]:
        return iter(self._by_sequence.values())


def _sum(contributions: Iterable[Contribution]) -> Sum:
    counts: dict[str, int] = {}
    histograms: dict[str, dict[int, int]] = {}
    moments: dict[str, int] = {}
    for one in contributions:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
        for name, value in one.values.items():
            buckets, bucket = histograms.setdefault(name, {}), bucket_of(value)
            buckets[bucket] = buckets.get(bucket, 0) + 1
        for name, histogram in one.histograms.items():
            histograms[name] = merged((histograms.get(name, NOTHING), histogram))
        for name, at_ms in one.moments.items():
            moments[name] = min(at_ms, moments.get(name, at_ms))
    return Sum(counts, histograms, moments)


def count_in(rollup: Rollup, together: Together, settled: Settled) -> tuple[Rollup, frozenset[int]]:
    """The rollup with what was not in it, and the sequences that were new."""
    if settled.comes_first and rollup.log not in ("", settled.log):
        return rollup, frozenset()  # It has begun with the log, and so holds all of the archive.
    if rollup.log != settled.log:  # Another log numbers its messages anew; none of them is counted.
        rollup = replace(rollup, log=settled.log, floor=0, applied=frozenset())
    new = together.beyond(rollup)
    floor = max(rollup.floor, settled.floor)
    applied = frozenset(sequence for sequence in rollup.applied | new.sequences if sequence > floor)
    counts, histograms, moments = _with(rollup, new.sum) if new.sequences else (
        rollup.counts, rollup.histograms, rollup.moments,
    )  # fmt: skip
    counted = Rollup(rollup.cell, counts, histograms, moments, settled.log, floor, applied, rollup.postings)
    return counted, new.sequences


def added(counts: Mapping[str, int], more: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums by name, of at most `NAMES_MAX` labelled names and their families' `other`."""
    total = dict(counts)
    for part in more:
        for name, count in part.items():
            family, _, label = name.partition(".")
            room = CLIENTS_NAMES_MAX if family in OF_CLIENTS else NAMES_MAX
            known = name if not label or name in total or len(total) < room else f"{family}.other"
            total[known] = total.get(known, 0) + count
    return total


def _with(rollup: Rollup, new: Sum) -> tuple[Mapping[str, int], Mapping[str, Histogram], Mapping[str, int]]:
    moments, dropped = _earliest(rollup.moments, new.moments)
    counts = added(rollup.counts, (new.counts,))
    if dropped:
        counts["moments_dropped"] = counts.get("moments_dropped", 0) + dropped
    more = {name: merged((rollup.histogram(name), values)) for name, values in new.histograms.items()}
    return counts, {**rollup.histograms, **more}, moments


def _earliest(known: Mapping[str, int], new: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """The earliest of each name, and how many names found no room."""
    moments, dropped = dict(known), 0
    for name, at_ms in new.items():
        if name not in moments and len(moments) >= MOMENTS_MAX:
            dropped += 1
        else:
            moments[name] = min(at_ms, moments.get(name, at_ms))
    return moments, dropped
