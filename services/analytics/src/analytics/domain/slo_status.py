"""How does a workflow keep one of its promises, over the window of its promises?"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.domain.bad_events import error_budget
from analytics.domain.error_budget import burn_down
from analytics.domain.measurement import Measurement, measure
from analytics.domain.rollup import Rollup
from contracts.objectives import Metric, Objective


@dataclass(frozen=True, slots=True)
class SloStatus:
    """`measured` is None without events. `budget` is the share of events that may be bad, None for a promise about a
    mean; `budget_left` the share of it that is left, below 0 where more was spent, None without events. `holds` says
    whether what was measured is within the bound, None below the minimum of events."""

    slo: str
    objective: str
    measured: float | None
    events: int
    budget: float | None
    budget_left: float | None
    holds: bool | None


def slo_status(
    objective: Objective,
    rollups: Sequence[Rollup],
    ratings: Measurement,
    *,
    window_seconds: int,
    minimum_events: int,
    ends_ms: int,
) -> SloStatus:
    """Of the rollups of the window, of any versions of the workflow, and what its ratings say."""
    metric = objective.bound.metric
    in_rollups = measure(metric, rollups, window_seconds=window_seconds, ends_ms=ends_ms)
    measured = ratings if metric is Metric.CSAT else in_rollups
    points = burn_down(objective.bound, rollups, from_ms=ends_ms - window_seconds * 1_000)
    return SloStatus(
        slo=objective.name,
        objective=str(objective.bound),
        measured=measured.value,
        events=measured.events,
        budget=error_budget(objective.bound),
        budget_left=points[-1].left if points else None,
        holds=measured.holds(objective.bound, minimum_events=minimum_events),
    )
