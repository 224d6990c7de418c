"""Which figures follow from the trials of an evaluation?"""

import math
from collections.abc import Callable, Mapping, Sequence

from contracts.objectives import Metric
from hil.eval.pass_k import mean_pass_k
from hil.eval.results import Execution, Trial

Trials = Sequence[Sequence[Trial]]
"""Of each case."""
Measure = Callable[[Trials], float | None]
TRIALS_PASSED = "pass_rate"
HIGHER_IS_BETTER = frozenset({TRIALS_PASSED, Metric.SUCCESS_RATE.value, Metric.CSAT.value})
MICRO = 1_000_000


def pass_rate(cases: Trials) -> float | None:
    """Share of trials that met every expectation, each case counting alike."""
    return mean_pass_k([_tally(trials) for trials in cases], 1)


def pass_all(k: int) -> Measure:
    """pass^k: that k independent trials of a case all pass."""
    return lambda cases: mean_pass_k([_tally(trials) for trials in cases], k)


def name_of_pass(k: int) -> str:
    return f"pass^{k}"


def is_better_higher(metric: str) -> bool:
    return metric in HIGHER_IS_BETTER or metric.startswith("pass^")


def _tally(trials: Sequence[Trial]) -> tuple[int, int]:
    return sum(trial.passed for trial in trials), len(trials)


def _executions(cases: Trials) -> list[Execution]:
    return [execution for trials in cases for trial in trials for execution in trial.executions]


def _share(holds: Callable[[Execution], bool], among: Callable[[Execution], bool] = lambda _: True) -> Measure:
    def share(cases: Trials) -> float | None:
        found = [holds(execution) for execution in _executions(cases) if among(execution)]
        return sum(found) / len(found) if found else None

    return share


def _mean_cost(cases: Trials) -> float | None:
    costs = [execution.cost_microdollars for execution in _executions(cases)]
    return sum(costs) / len(costs) / MICRO if costs else None


def _percentile(share: float) -> Measure:
    """Nearest rank: a latency that was seen."""

    def percentile(cases: Trials) -> float | None:
        latencies = sorted(execution.latency_ms for execution in _executions(cases))
        return float(latencies[math.ceil(share * len(latencies)) - 1]) if latencies else None

    return percentile


def _mean_rating(cases: Trials) -> float | None:
    ratings = [trial.rating for trials in cases for trial in trials if trial.rating is not None]
    return sum(ratings) / len(ratings) if ratings else None


def _handed_over(execution: Execution) -> bool:
    return execution.sink == "HANDOVER"


MEASURES: Mapping[str, Measure] = {
    TRIALS_PASSED: pass_rate,
    Metric.SUCCESS_RATE.value: _share(lambda execution: execution.success),
    Metric.ERROR_RATE.value: _share(lambda execution: not execution.success),
    Metric.HANDOVER_RATE.value: _share(_handed_over),
    Metric.INTERVENTION_RATE.value: _share(_handed_over, lambda execution: execution.is_turn),
    Metric.COST_PER_REQUEST.value: _mean_cost,
    Metric.LATENCY_P50.value: _percentile(0.50),
    Metric.LATENCY_P95.value: _percentile(0.95),
    Metric.LATENCY_P99.value: _percentile(0.99),
    Metric.CSAT.value: _mean_rating,
}
"""By name; those of an execution mean what analytics means by them (SPEC A3). Cost is in USD."""


def events_of(metric: Metric, cases: Trials) -> int:
    """Of how many executions, turns or ratings a metric is a share, a mean or a percentile."""
    if metric is Metric.CSAT:
        return sum(trial.rating is not None for trials in cases for trial in trials)
    return sum(execution.is_turn or metric is not Metric.INTERVENTION_RATE for execution in _executions(cases))


def figures_of(cases: Trials) -> dict[str, float | None]:
    """Every figure by name, pass^k for each k that every case has trials for; None is not measured."""
    fewest = min(map(len, cases), default=0)
    passes = {name_of_pass(k): pass_all(k)(cases) for k in range(1, fewest + 1)}
    return {TRIALS_PASSED: pass_rate(cases), **passes, **{name: MEASURES[name](cases) for name in MEASURES}}
