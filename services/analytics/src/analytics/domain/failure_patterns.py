"""Which nodes meet one error class far more often than they use to (SPEC O11)?

The base rate is that of the day before; of a node of which little is known it is taken as 1 in 100. A pattern is found
when, in the last quarter of an hour or, where traffic is low, in the last six hours,
- at least `FAILURES_MIN` runs met the error,
- twice as often as the base rate has it, and
- by chance that would happen once in a million (binomial tail): every minute is judged, so the bound is strict.
It is told once. It is over when enough runs of late met the error no more often than the base rate lets expect, or
after a day: then it is how the node is, and the base rate has it. Silence is not recovery. What was before the end of
an episode counts no more, and nothing is told for half an hour after it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS

FAILURES_MIN: Final = 5
TIMES_BASE_MIN: Final = 2
CHANCE_MAX: Final = 1e-6
BASE_RATE_UNKNOWN: Final = 0.01
BASE_RUNS_UNKNOWN: Final = 100
"""As if so many runs at that rate had been seen before the first."""
RUNS_MIN_TO_END: Final = 5
CHANCE_USUAL: Final = 0.05
"""What is no less likely than this is usual."""
QUIET_MS: Final = 30 * MINUTE_MS
BASE_MS: Final = DAY_MS
MADE_UP_FOR_MS: Final = 2 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Window:
    """A pattern is looked for in `length_ms`, and is over by what the last `end_ms` say."""

    length_ms: int
    end_ms: int


WINDOWS: Final = (Window(15 * MINUTE_MS, HOUR_MS), Window(6 * HOUR_MS, 90 * MINUTE_MS))
LONGEST_MS: Final = max(window.length_ms for window in WINDOWS)


@dataclass(frozen=True, slots=True)
class Place:
    """What is judged by itself."""

    tenant: str
    workflow: str
    node: str
    error_class: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs of a node in some time, and how many of them met the error."""

    runs: int
    failures: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """The last episode of a place. `opened_ms` 0: none yet; `closed_ms` 0: it is not over."""

    opened_ms: int = 0
    closed_ms: int = 0
    window_ms: int = 0
    runs: int = 0
    failures: int = 0
    base_rate: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the node still fails like that."""
        return self.opened_ms > 0 and self.closed_ms == 0


def look_back(pattern: Pattern, *, ends_ms: int) -> dict[int, int]:
    """How far each look at the end of a minute goes back, as {length: from}; not behind the end of an episode."""
    if pattern.is_open:
        [window] = [window for window in WINDOWS if window.length_ms == pattern.window_ms]
        return {window.end_ms: ends_ms - window.end_ms}
    return {window.length_ms: max(ends_ms - window.length_ms, pattern.closed_ms) for window in WINDOWS}


def base_period(ends_ms: int) -> tuple[int, int]:
    """The day before the longest window, in whole hours: few rollups."""
    until_ms = (ends_ms - LONGEST_MS) // HOUR_MS * HOUR_MS
    return until_ms - BASE_MS, until_ms


def minutes_to_look_at(judged_ms: int, *, counted_through_ms: int) -> range:
    """The ends of the whole minutes that are counted and were not looked at; the first time the last one only, and
    after a pause those of the last hours."""
    last_ms = counted_through_ms // MINUTE_MS * MINUTE_MS
    oldest_ms = last_ms - MADE_UP_FOR_MS if judged_ms else last_ms
    return range(max(oldest_ms, judged_ms + MINUTE_MS), last_ms + 1, MINUTE_MS)


def judge(pattern: Pattern, seen: Mapping[int, Tally], base: Tally, *, ends_ms: int) -> tuple[Pattern, bool]:
    """The pattern after the minute that ends at `ends_ms`, and whether it is new and to be told. `seen`: what was found
    in each length of `look_back`. A minute that is not after the last change, as a replica that lags judges it, changes
    nothing."""
    if ends_ms <= max(pattern.opened_ms, pattern.closed_ms):
        return pattern, False
    if pattern.is_open:
        [tally] = seen.values()
        is_over = ends_ms - pattern.opened_ms >= BASE_MS or _is_usual(tally, pattern.base_rate)
        return (replace(pattern, closed_ms=ends_ms) if is_over else pattern), False
    if pattern.closed_ms and ends_ms < pattern.closed_ms + QUIET_MS:
        return pattern, False
    base_rate = (base.failures + BASE_RATE_UNKNOWN * BASE_RUNS_UNKNOWN) / (base.runs + BASE_RUNS_UNKNOWN)
    for length_ms, tally in seen.items():
        if _is_pattern(tally, base_rate):
            return Pattern(ends_ms, 0, length_ms, tally.runs, tally.failures, base_rate), True
    return pattern, False


def chance(tally: Tally, rate: float) -> float:
    """How likely so many failures or more are at this rate, for more of them than it lets expect."""
    runs, failures = tally.runs, tally.failures
    term = math.exp(
        math.lgamma(runs + 1) - math.lgamma(failures + 1) - math.lgamma(runs - failures + 1)
        + failures * math.log(rate) + (runs - failures) * math.log1p(-rate)
    )  # fmt: skip
    total = 0.0
    while failures <= runs and term > total * 1e-12:
        total += term
        term *= (runs - failures) / (failures + 1) * rate / (1 - rate)
        failures += 1
    return total


def _is_pattern(tally: Tally, base_rate: float) -> bool:
    if tally.failures < FAILURES_MIN or tally.failures < TIMES_BASE_MIN * base_rate * tally.runs:
        return False
    return chance(tally, base_rate) <= CHANCE_MAX


def _is_usual(tally: Tally, base_rate: float) -> bool:
    if tally.runs < RUNS_MIN_TO_END:
        return False
    return tally.failures <= base_rate * tally.runs or chance(tally, base_rate) >= CHANCE_USUAL
