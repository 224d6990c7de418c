"""Is a model well enough to be asked?"""

from dataclasses import dataclass, replace
from enum import StrEnum

WINDOW_SECONDS = 30.0
CALLS_MIN = 10
"""Fewer calls within a window say nothing."""
FAILURE_SHARE = 0.5
SLOW_SHARE = 0.8
OPEN_SECONDS, OPEN_SECONDS_MAX = 2.0, 300.0
PROBE_SECONDS = 60.0
"""A probe that nobody reports of within this time is taken for failed."""


class Condition(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Calls:
    """What was seen since the last report."""

    ok: int = 0
    slow: int = 0
    failed: int = 0

    def and_also(self, other: "Calls") -> "Calls":
        """Both together."""
        return Calls(self.ok + other.ok, self.slow + other.slow, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Breaker:
    """One model, as all replicas see it. Times are seconds since 1970. `ok` counts slow answers too."""

    condition: Condition = Condition.CLOSED
    ok: int = 0
    slow: int = 0
    failed: int = 0
    window_began: float = 0.0
    until: float = 0.0
    opened_times: int = 0
    probing_until: float = 0.0


def after_calls(breaker: Breaker, calls: Calls, *, now: float, jitter: float) -> Breaker:
    """The breaker after these calls. While it is open, late reports of earlier calls change nothing; a probe decides
    alone. `jitter` in [0, 1) spreads the probes of many models."""
    breaker = at(breaker, now)
    if breaker.condition is Condition.OPEN or calls == Calls():
        return breaker
    if breaker.condition is Condition.HALF_OPEN:
        if calls.failed:
            return _opened(breaker, now=now, jitter=jitter)
        return Breaker(window_began=now, ok=calls.ok, slow=calls.slow)
    counted = replace(
        breaker, ok=breaker.ok + calls.ok, slow=breaker.slow + calls.slow, failed=breaker.failed + calls.failed
    )
    return _opened(counted, now=now, jitter=jitter) if _is_ill(counted) else counted


def at(breaker: Breaker, now: float) -> Breaker:
    """The breaker at this time: a window that is over is forgotten, an open one becomes half open."""
    if breaker.condition is Condition.OPEN and now >= breaker.until:
        return replace(breaker, condition=Condition.HALF_OPEN, probing_until=0.0)
    if breaker.condition is Condition.CLOSED and now >= breaker.window_began + WINDOW_SECONDS:
        return Breaker(window_began=now)
    return breaker


def may_probe(breaker: Breaker, now: float) -> bool:
    """Whether one call may find out how the model is."""
    return at(breaker, now).condition is Condition.HALF_OPEN and now >= breaker.probing_until


def _is_ill(breaker: Breaker) -> bool:
    calls = breaker.ok + breaker.failed
    if calls < CALLS_MIN:
        return False
    return breaker.failed / calls >= FAILURE_SHARE or breaker.slow / calls >= SLOW_SHARE


def _opened(breaker: Breaker, *, now: float, jitter: float) -> Breaker:
    wait = min(OPEN_SECONDS * 2**breaker.opened_times, OPEN_SECONDS_MAX) * (1 + 0.2 * jitter)
    return Breaker(Condition.OPEN, until=now + wait, opened_times=min(breaker.opened_times + 1, 10))
