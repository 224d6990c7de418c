"""Is the error budget of an objective spent too fast, and is there enough evidence to say so?

The pairs are those of the SRE workbook: an alert looks back over a long window for significance and over a short one,
a twelfth of it, so that it ends when the trouble ends. Both shares of bad events must be over `factor x budget`, where
`factor = share of the budget x period / long window`: 14.4, 6 and 1 for a period of 30 days. For other periods
- a pair whose long window is longer than the period is left out: it would look at traffic of earlier periods;
- a factor is at least 1: below that, an alert would be raised while the objective is kept;
and for any period
- the share that fires is at most half-way between the budget and all, `(1 + budget) / 2`. With a promise of 0.90, which
  is usual for agents, 14.4 x 0.10 is more than all events, and an outage in which every execution fails would wait for
  the pair of six hours. The cap changes nothing for promises above 0.964.

**Evidence.** A share of few events says little: one bad event of the five of an hour is 20 %. A minimum of events alone
is wrong the other way: it hides an outage at low traffic for as long as it lasts. So a pair is judged when its long
window holds
- `BAD_ALONE` bad events, whatever the traffic: so many bad ones are no accident, even if they are all there is; or
- `minimum_events` events and `BAD_FEW` bad ones: one unlucky event can break a promise of 0.999 in three days of
  low traffic by arithmetic, and still nobody should be woken for it.
Bad events are counted in the pair's own window, not in a longer one: in a longer window an incident of the day before
yesterday would go on vouching for every single failure of today.
"""

from dataclasses import dataclass
from typing import Final

from analytics.domain.traffic import Traffic

BAD_ALONE: Final = 10
BAD_FEW: Final = 3
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Pair:
    """Fires when the share of bad events is over `bad_share` in both windows."""

    long_seconds: int
    short_seconds: int
    bad_share: float


@dataclass(frozen=True, slots=True)
class Speed:
    """A long window, and the part of a period's budget that may be spent in it."""

    long_seconds: int
    short_seconds: int
    budget_part: float


FAST: Final = Speed(HOUR, 5 * MINUTE, 0.02)
MEDIUM: Final = Speed(6 * HOUR, 30 * MINUTE, 0.05)
SLOW: Final = Speed(3 * DAY, 6 * HOUR, 0.10)


def pairs(speeds: tuple[Speed, ...], *, budget: float, period_seconds: int) -> tuple[Pair, ...]:
    """The pairs of an objective that may have `budget` of its events bad in a period."""
    return tuple(
        Pair(speed.long_seconds, speed.short_seconds, _bad_share(speed, budget, period_seconds))
        for speed in speeds
        if speed.long_seconds <= period_seconds
    )


def burns(pair: Pair, traffic: Traffic, *, minimum_events: int, ends_ms: int) -> bool:
    """Whether the pair fires at the end of a minute."""
    long = traffic.within(pair.long_seconds, ends_ms=ends_ms)
    short = traffic.within(pair.short_seconds, ends_ms=ends_ms)
    if long.bad_share is None or short.bad_share is None:
        return False
    is_evidence = long.bad >= BAD_ALONE or (long.bad >= BAD_FEW and long.events >= minimum_events)
    return is_evidence and long.bad_share > pair.bad_share and short.bad_share > pair.bad_share


def _bad_share(speed: Speed, budget: float, period_seconds: int) -> float:
    """Rounded, so that 14.4 x (1 - 0.99) is 0.144 here and in an exported rule."""
    factor = max(1.0, speed.budget_part * period_seconds / speed.long_seconds)
    return round(min(factor * budget, (1 + budget) / 2), 9)
