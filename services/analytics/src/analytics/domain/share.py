"""What does one conversation have in the sums over many?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from analytics.domain.cells import Subject
from analytics.domain.histogram import Histogram, merged
from analytics.domain.rollup import added


@dataclass(frozen=True, slots=True)
class Share:
    """Its part of one sum: counts by name, and histograms by name."""

    counts: Mapping[str, int] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)


PART = 1 << 32
"""Large sums are kept in two parts, since a stored whole number has 64 bits."""
Name = TypeVar("Name", str, int)
Place = tuple[Subject, int]
"""Which sum, and the minute in which it counts (milliseconds)."""
Shares = Mapping[Place, Share]


def parts_of(value: int) -> tuple[int, int]:
    """(how many times PART, the rest), both of the value's sign: what is small has no first part."""
    high, low = divmod(abs(value), PART)
    return (high, low) if value >= 0 else (-high, -low)


def together(shares: Iterable[Share]) -> Share:
    """The sum of all."""
    parts = tuple(shares)
    names = {name for share in parts for name in share.histograms}
    histograms = {name: merged(share.histograms.get(name, {}) for share in parts) for name in names}
    return Share(added({}, (share.counts for share in parts)), histograms)


def change(was: Share, is_: Share) -> Share:
    """What brings a sum from the one to the other; what stays as it is takes no room."""
    names = was.histograms.keys() | is_.histograms.keys()
    histograms = {name: _less(is_.histograms.get(name, {}), was.histograms.get(name, {})) for name in names}
    return Share(_less(is_.counts, was.counts), {name: buckets for name, buckets in histograms.items() if buckets})


def _less(more: Mapping[Name, int], less: Mapping[Name, int]) -> dict[Name, int]:
    differences = {name: more.get(name, 0) - less.get(name, 0) for name in more.keys() | less.keys()}
    return {name: difference for name, difference in differences.items() if difference}
