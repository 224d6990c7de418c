"""What is the value of a metric over a window, and is that enough to be called data?"""

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.domain.bad_events import QUANTILES
from analytics.domain.metric_catalogue import Sums, figure, sums_of
from analytics.domain.rollup import Rollup
from contracts.objectives import Bound, Metric


@dataclass(frozen=True, slots=True)
class Measurement:
    """`value` is None where there is nothing to measure; with few events it is known, and still no data."""

    value: float | None
    events: int

    def holds(self, bound: Bound, *, minimum_events: int) -> bool | None:
        """Whether the bound is true; None is no data."""
        if self.value is None or self.events < minimum_events:
            return None
        match bound.comparison:
            case "<":
                return self.value < bound.threshold
            case "<=":
                return self.value <= bound.threshold
            case ">":
                return self.value > bound.threshold
            case _:
                return self.value >= bound.threshold


def measure(metric: Metric, rollups: Iterable[Rollup], *, window_seconds: int, ends_ms: int) -> Measurement:
    """Over the minutes that begin in the `window_seconds` before `ends_ms`; rates are shares of 1 and cost is in USD.

    Rollups of any versions of one workflow. CSAT is in no rollup: `measure_ratings`."""
    starts_ms = ends_ms - window_seconds * 1_000
    inside = [rollup for rollup in rollups if starts_ms <= rollup.cell.start_ms < ends_ms]
    sums = sums_of(inside)
    return Measurement(figure(sums, "executions", metric), _events(metric, sums))


def _events(metric: Metric, sums: Sums) -> int:
    """Of how many events the metric is a share, a mean or a percentile (SPEC A3)."""
    if metric in QUANTILES:
        return sums.ranked("latency_ms").size
    return sums.counts.get("turns" if metric is Metric.INTERVENTION_RATE else "executions", 0)
