"""How much of the error budget of an objective is left, now and at each time of its window?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter

from analytics.domain.bad_events import error_budget, events_and_bad
from analytics.domain.cells import SPANS_MS
from analytics.domain.rollup import Rollup
from contracts.objectives import Bound


@dataclass(frozen=True, slots=True)
class BudgetPoint:
    """The share of the window's budget that was left at this time; below 0 where more was spent."""

    at_ms: int
    left: float


def burn_down(bound: Bound, rollups: Sequence[Rollup], *, from_ms: int) -> tuple[BudgetPoint, ...]:
    """From 1 at `from_ms` down by the bad events of each cell, in order of time. The budget is that of all events of
    the window, so that the last point is what is left now. Empty without a budget, or without events."""
    budget = error_budget(bound)
    cells = sorted(_ends_and_tallies(bound, rollups), key=itemgetter(0))
    allowed = (budget or 0) * sum(events for _, events, _ in cells)
    if not allowed:
        return ()
    ends = [(end_ms, sum(bad for _, _, bad in group)) for end_ms, group in groupby(cells, key=itemgetter(0))]
    spent = accumulate(bad for _, bad in ends)
    return (
        BudgetPoint(from_ms, 1.0),
        *(BudgetPoint(end_ms, 1 - bad / allowed) for (end_ms, _), bad in zip(ends, spent, strict=True)),
    )


def _ends_and_tallies(bound: Bound, rollups: Iterable[Rollup]) -> Iterable[tuple[int, int, int]]:
    for rollup in rollups:
        assert rollup.cell.span != "all", f"{rollup.cell.id} has no end"
        yield rollup.cell.start_ms + SPANS_MS[rollup.cell.span], *events_and_bad(bound, rollup)
