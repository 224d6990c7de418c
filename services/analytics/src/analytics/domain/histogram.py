"""How are latencies counted so that parts merge exactly and percentiles stay within 2 %?"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

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


class Ranked:
    """The values of a histogram, `size` of them, in their order, for several questions."""

    def __init__(self, histogram: Histogram) -> None:
        self._buckets = sorted(histogram)
        self._through = list(accumulate(histogram[bucket] for bucket in self._buckets))
        self.size = self._through[-1] if self._through else 0

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least this share of all values does not pass, within 2 %; None without values."""
        return self.value_at(max(1, math.ceil(share * self.size))) if self.size else None

    def value_at(self, rank: int) -> float:
        """The value of this rank, counted from 1 to `size`, within 2 %."""
        bucket = self._buckets[bisect_left(self._through, rank)]
        return 0.0 if bucket == ZERO else GROWTH**bucket * _MIDDLE
