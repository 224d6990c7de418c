"""What are promises and alerts about every metric there is?"""

from contracts.objectives import Bound, ConditionAlert, Metric, Objective, Slos

UPPER: dict[Metric, float] = {
    Metric.ERROR_RATE: 0.05,
    Metric.HANDOVER_RATE: 0.2,
    Metric.INTERVENTION_RATE: 0.2,
    Metric.COST_PER_REQUEST: 0.15,
    Metric.LATENCY_P50: 5_000,
    Metric.LATENCY_P95: 15_000,
    Metric.LATENCY_P99: 31_000,
}


def every_promise() -> Slos:
    bounds = [Bound(metric=metric, comparison="<=", threshold=limit) for metric, limit in UPPER.items()]
    bounds.append(Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=0.99))
    bounds.append(Bound(metric=Metric.CSAT, comparison=">=", threshold=4))
    return Slos(
        objectives=tuple(Objective(name=bound.metric, bound=bound) for bound in bounds),
        alerts=tuple(ConditionAlert(bound=bound) for bound in bounds),
    )
