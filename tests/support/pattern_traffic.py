"""Traffic of one node, minute by minute, and what the judge of failure patterns says to it."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from analytics.domain.cells import MINUTE_MS
from analytics.domain.failure_patterns import Pattern, Tally, base_period, judge, look_back

Minute = tuple[int, int]
"""Runs, and how many of them met the error."""


def steady(random: Random, minutes: int, *, runs_a_minute: float, rate: float) -> list[Minute]:
    """Runs that come by chance, each of which fails by chance."""
    found = []
    for _ in range(minutes):
        runs = sum(random.random() < runs_a_minute / 20 for _ in range(20))
        found.append((runs, sum(random.random() < rate for _ in range(runs))))
    return found


def detections(traffic: Sequence[Minute]) -> list[tuple[int, int]]:
    """(minute, length of the window in minutes) of each pattern that is told."""
    runs = [0, *accumulate(runs for runs, _ in traffic)]
    failures = [0, *accumulate(failures for _, failures in traffic)]

    def tally(from_ms: int, to_ms: int) -> Tally:
        first, last = max(0, from_ms // MINUTE_MS), max(0, to_ms // MINUTE_MS)
        return Tally(runs[last] - runs[first], failures[last] - failures[first])

    pattern, found = Pattern(), []
    for minute in range(1, len(traffic) + 1):
        ends_ms = minute * MINUTE_MS
        seen = {length: tally(from_ms, ends_ms) for length, from_ms in look_back(pattern, ends_ms=ends_ms).items()}
        pattern, is_new = judge(pattern, seen, tally(*base_period(ends_ms)), ends_ms=ends_ms)
        if is_new:
            found.append((minute, pattern.window_ms // MINUTE_MS))
    return found
