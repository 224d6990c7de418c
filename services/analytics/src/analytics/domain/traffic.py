"""How many events did a window hold, and how many of them were bad?"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter

from analytics.domain.bad_events import events_and_bad
from analytics.domain.rollup import Rollup
from contracts.objectives import Bound


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of one window."""

    events: int
    bad: int

    @property
    def bad_share(self) -> float | None:
        """None without events: no data is not zero."""
        return self.bad / self.events if self.events else None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Running sums over minutes, so that a window of three days costs two look-ups and not 4,320 additions."""

    minutes_ms: tuple[int, ...]
    events: tuple[int, ...]
    """One longer than the minutes: before the first, after the first, and so on."""
    bad: tuple[int, ...]

    def within(self, seconds: int, *, ends_ms: int) -> Tally:
        """The minutes that begin in the `seconds` before `ends_ms`."""
        start = bisect_left(self.minutes_ms, ends_ms - seconds * 1_000)
        end = bisect_left(self.minutes_ms, ends_ms)
        return Tally(self.events[end] - self.events[start], self.bad[end] - self.bad[start])


def traffic_of(bound: Bound, rollups: Iterable[Rollup]) -> Traffic:
    """What the rollups of one workflow, of any versions and in any order, have for a bound with an error budget."""
    minutes = sorted(((rollup.cell.start_ms, *events_and_bad(bound, rollup)) for rollup in rollups), key=itemgetter(0))
    return Traffic(
        minutes_ms=tuple(minute_ms for minute_ms, _, _ in minutes),
        events=tuple(accumulate((events for _, events, _ in minutes), initial=0)),
        bad=tuple(accumulate((bad for _, _, bad in minutes), initial=0)),
    )
