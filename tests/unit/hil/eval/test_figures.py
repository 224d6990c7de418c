"""Which figures follow from trials?"""

from tests.support.evaluations import trial

from contracts.objectives import Metric
from hil.eval.figures import MEASURES, events_of, figures_of, is_better_higher
from hil.eval.results import Trial


def test_figures_mean_what_analytics_means_by_them() -> None:
    passed = trial(cost=10_000, latency_ms=100, rating=5)
    handed = trial(fails="sink", sink="HANDOVER", success=True, cost=30_000, latency_ms=300)
    failed = trial(fails="no_outcome", sink="HANDOVER", success=False, cost=20_000, latency_ms=200, rating=2)
    standalone = handed.executions[0].model_copy(update={"is_turn": False})
    found = figures_of([[passed, handed], [failed, handed.model_copy(update={"executions": (standalone,)})]])
    assert found["pass_rate"] == found["pass^1"] == 0.25
    assert found["pass^2"] == 0.0
    assert (found["success_rate"], found["error_rate"]) == (0.75, 0.25)
    assert found["handover_rate"] == 0.75
    assert found["intervention_rate"] == 2 / 3
    assert found["cost_per_request"] == 0.0225
    assert (found["p50_latency_ms"], found["p95_latency_ms"]) == (200, 300)
    assert found["csat"] == 3.5


def test_what_was_not_measured_is_not_a_number() -> None:
    nothing = figures_of([[Trial(key="k")]])
    assert nothing["pass_rate"] == 1.0
    assert {name for name, value in nothing.items() if value is None} == set(MEASURES) - {"pass_rate"}
    assert figures_of([])["pass_rate"] is None


def test_pass_k_is_told_for_as_many_trials_as_every_case_has() -> None:
    found = figures_of([[trial(), trial()], [trial()]])
    assert "pass^1" in found
    assert "pass^2" not in found


def test_events_are_those_that_a_metric_is_made_of() -> None:
    cases = [[trial(rating=4), trial()]]
    assert events_of(Metric.CSAT, cases) == 1
    assert events_of(Metric.INTERVENTION_RATE, cases) == events_of(Metric.COST_PER_REQUEST, cases) == 2


def test_more_is_better_of_what_passes_and_pleases_alone() -> None:
    better = {name for name in (*MEASURES, "pass^3") if is_better_higher(name)}
    assert better == {"pass_rate", "pass^3", "success_rate", "csat"}
