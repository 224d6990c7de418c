"""What is the value of a metric over a window, and is that enough to be called data?"""

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.domain.bad_events import QUANTILES
from analytics.domain.histogram import merged, quantile
from analytics.domain.rollup import Rollup, added
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

    Rollups of any versions of one workflow. CSAT is not counted yet and so has no value."""
    starts_ms = ends_ms - window_seconds * 1_000
    inside = [rollup for rollup in rollups if starts_ms <= rollup.cell.start_ms < ends_ms]
    if metric in QUANTILES:
        latency = merged(rollup.histogram("latency_ms") for rollup in inside)
        return Measurement(quantile(latency, QUANTILES[metric]), sum(latency.values()))
    counts = added({}, (rollup.counts for rollup in inside))
    part, whole = _fraction(metric, counts)
    events = counts.get(whole, 0)
    return Measurement(None if part is None or not events else part / events, events)


def _fraction(metric: Metric, counts: dict[str, int]) -> tuple[float | None, str]:
    """What is divided, and the count that divides it (SPEC A3)."""
    match metric:
        case Metric.SUCCESS_RATE:
            return counts.get("successes", 0), "executions"
        case Metric.ERROR_RATE:
            return counts.get("executions", 0) - counts.get("successes", 0), "executions"
        case Metric.HANDOVER_RATE:
            return counts.get("handovers", 0), "executions"
        case Metric.INTERVENTION_RATE:
            return counts.get("turn_handovers", 0), "turns"
        case Metric.COST_PER_REQUEST:
            return counts.get("cost_microdollars", 0) / 1_000_000, "executions"
        case _:
            return None, "executions"
