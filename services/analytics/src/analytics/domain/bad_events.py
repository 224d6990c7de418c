"""Which of the events of a rollup spend the error budget of an objective, and how large is that budget?"""

from typing import Final

from analytics.domain.histogram import bucket_of
from analytics.domain.rollup import Rollup
from contracts.objectives import Bound, Metric

QUANTILES: Final = {Metric.LATENCY_P50: 0.50, Metric.LATENCY_P95: 0.95, Metric.LATENCY_P99: 0.99}


def error_budget(bound: Bound) -> float | None:
    """The share of events that may be bad. None where events are not good or bad: cost is a mean, CSAT is not
    measured, and a bound on the pleasant side (`success_rate <= 0.5`) promises nothing.

    `p95_latency_ms <= 15000` is the same promise as "at most 5 % take longer", so latency has a budget too."""
    upper = bound.comparison in ("<", "<=")
    match bound.metric:
        case Metric.SUCCESS_RATE:
            return None if upper else round(1 - bound.threshold, 9)
        case Metric.ERROR_RATE | Metric.HANDOVER_RATE | Metric.INTERVENTION_RATE:
            return bound.threshold if upper else None
        case Metric.LATENCY_P50 | Metric.LATENCY_P95 | Metric.LATENCY_P99:
            return round(1 - QUANTILES[bound.metric], 9) if upper else None
        case _:
            return None


def events_and_bad(bound: Bound, rollup: Rollup) -> tuple[int, int]:
    """How many events the rollup has for a bound with an error budget, and how many of them are bad."""
    counts = rollup.counts
    executions = counts.get("executions", 0)
    match bound.metric:
        case Metric.HANDOVER_RATE:
            return executions, counts.get("handovers", 0)
        case Metric.INTERVENTION_RATE:
            return counts.get("turns", 0), counts.get("turn_handovers", 0)
        case Metric.LATENCY_P50 | Metric.LATENCY_P95 | Metric.LATENCY_P99:
            last = bucket_of(bound.threshold)
            slower = sum(count for bucket, count in rollup.histogram("latency_ms").items() if bucket > last)
            return sum(rollup.histogram("latency_ms").values()), slower
        case _:
            return executions, executions - counts.get("successes", 0)
