"""How are latencies counted so that parts merge exactly and percentiles stay within 2 %?"""

import math
from collections.abc import Iterable, Mapping

GROWTH = 1.04
"""Each bucket is 4 % wide; its middle is at most 1.97 % from any value in it."""
_LOG_GROWTH = math.log(GROWTH)
_MIDDLE = 2 * GROWTH / (1 + GROWTH)
ZERO = -1
"""The bucket of values below 1."""

Histogram = Mapping[int, int]
"""Counts by bucket. Adding two gives the histogram of both, whatever the order."""


def bucket_of(value: float) -> int:
    """The bucket of a value (milliseconds, micro-dollars, ...); negative values count as 0."""
    return ZERO if value < 1 else math.floor(math.log(value) / _LOG_GROWTH)


def merged(histograms: Iterable[Histogram]) -> dict[int, int]:
    """All values together."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def quantile(histogram: Histogram, share: float) -> float | None:
    """The smallest value that at least this share of all values does not pass, within 2 %; None without values."""
    values = size_of(histogram)
    return value_at(histogram, max(1, math.ceil(share * values))) if values else None


def size_of(histogram: Histogram) -> int:
    """How many values it holds."""
    return sum(histogram.values())


def value_at(histogram: Histogram, rank: int) -> float:
    """The value of this rank, counted from 1, within 2 %. Raises ValueError if it holds fewer."""
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            return 0.0 if bucket == ZERO else GROWTH**bucket * _MIDDLE
    raise ValueError(f"rank {rank} of {seen} values")
