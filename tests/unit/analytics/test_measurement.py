"""A metric over a window is what SPEC A3 defines; few events, or none, are no data."""

import pytest

from analytics.domain.alert_rules import BoundAlert, Verdict, alert_rules, bound_verdict
from analytics.domain.bad_events import error_budget, events_and_bad
from analytics.domain.cells import MINUTE_MS, Cell, Subject
from analytics.domain.histogram import bucket_of
from analytics.domain.measurement import Measurement, measure
from analytics.domain.rollup import Rollup
from analytics.domain.traffic import Tally
from contracts.objectives import Bound, Comparison, Metric, Objective, Slos

COUNTS = {
    "executions": 20,
    "successes": 15,
    "handovers": 4,
    "turns": 10,
    "turn_handovers": 3,
    "cost_microdollars": 5_000_000,
}
LATENCY = {bucket_of(1_000): 18, bucket_of(9_000): 1, bucket_of(40_000): 1}


def rollup(minute: int = 0, version: str = "1") -> Rollup:
    subject = Subject("acme", "executions", "support", version)
    return Rollup(Cell(subject, "minute", minute * MINUTE_MS), COUNTS, {"latency_ms": LATENCY})


def bound(metric: Metric, comparison: Comparison, threshold: float) -> Bound:
    return Bound(metric=metric, comparison=comparison, threshold=threshold)


@pytest.mark.parametrize(
    ("metric", "value", "events"),
    [
        (Metric.SUCCESS_RATE, 0.75, 20),
        (Metric.ERROR_RATE, 0.25, 20),
        (Metric.HANDOVER_RATE, 0.2, 20),
        (Metric.INTERVENTION_RATE, 0.3, 10),
        (Metric.COST_PER_REQUEST, 0.25, 20),
        (Metric.LATENCY_P50, 1_000, 20),
        (Metric.LATENCY_P95, 9_000, 20),
        (Metric.LATENCY_P99, 40_000, 20),
    ],
)
def test_each_metric_is_measured(metric: Metric, value: float, events: int) -> None:
    found = measure(metric, [rollup()], window_seconds=60, ends_ms=MINUTE_MS)
    assert found == Measurement(pytest.approx(value, rel=0.02), events)


def test_csat_is_no_data_yet() -> None:
    assert measure(Metric.CSAT, [rollup()], window_seconds=60, ends_ms=MINUTE_MS).value is None


@pytest.mark.parametrize("metric", Metric)
def test_a_window_without_anything_has_no_value(metric: Metric) -> None:
    assert measure(metric, [], window_seconds=60, ends_ms=MINUTE_MS) == Measurement(None, 0)


def test_a_window_holds_the_minutes_that_begin_in_it_of_every_version() -> None:
    rollups = [rollup(0), rollup(1), rollup(1, "2"), rollup(2), rollup(3)]
    found = measure(Metric.SUCCESS_RATE, rollups, window_seconds=120, ends_ms=3 * MINUTE_MS)
    assert found == Measurement(0.75, 60)


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_a_bound_compares(comparison: Comparison, below: bool, equal: bool, above: bool) -> None:
    asked = bound(Metric.SUCCESS_RATE, comparison, 0.5)
    found = [Measurement(value, 20).holds(asked, minimum_events=20) for value in (0.4, 0.5, 0.6)]
    assert found == [below, equal, above]


def test_fewer_events_than_the_minimum_are_no_data() -> None:
    few = bound(Metric.SUCCESS_RATE, "<", 0.9)
    alert = BoundAlert("support", str(few), "warning", few, 3_600, 20)
    assert bound_verdict(alert, Measurement(0.5, 19)) is Verdict.NO_DATA
    assert bound_verdict(alert, Measurement(0.5, 20)) is Verdict.MET
    assert bound_verdict(alert, Measurement(0.9, 20)) is Verdict.NOT_MET


@pytest.mark.parametrize(
    ("asked", "budget"),
    [
        (bound(Metric.SUCCESS_RATE, ">=", 0.99), 0.01),
        (bound(Metric.ERROR_RATE, "<", 0.05), 0.05),
        (bound(Metric.HANDOVER_RATE, "<=", 0.2), 0.2),
        (bound(Metric.INTERVENTION_RATE, "<=", 0.3), 0.3),
        (bound(Metric.LATENCY_P50, "<=", 5_000), 0.5),
        (bound(Metric.LATENCY_P95, "<=", 5_000), 0.05),
        (bound(Metric.LATENCY_P99, "<=", 5_000), 0.01),
        (bound(Metric.COST_PER_REQUEST, "<=", 0.1), None),
        (bound(Metric.CSAT, ">=", 4), None),
        (bound(Metric.SUCCESS_RATE, "<=", 0.5), None),
        (bound(Metric.ERROR_RATE, ">=", 0.5), None),
        (bound(Metric.LATENCY_P95, ">", 5_000), None),
    ],
    ids=str,
)
def test_an_error_budget_is_the_share_that_may_be_bad(asked: Bound, budget: float | None) -> None:
    assert error_budget(asked) == budget


@pytest.mark.parametrize(
    ("asked", "events", "bad"),
    [
        (bound(Metric.SUCCESS_RATE, ">=", 0.99), 20, 5),
        (bound(Metric.ERROR_RATE, "<=", 0.01), 20, 5),
        (bound(Metric.HANDOVER_RATE, "<=", 0.1), 20, 4),
        (bound(Metric.INTERVENTION_RATE, "<=", 0.1), 10, 3),
        (bound(Metric.LATENCY_P95, "<=", 9_000), 20, 1),
    ],
    ids=str,
)
def test_bad_events_are_those_that_spend_the_budget(asked: Bound, events: int, bad: int) -> None:
    assert events_and_bad(asked, rollup()) == (events, bad)


def test_a_share_of_no_events_is_no_data() -> None:
    assert Tally(0, 0).bad_share is None


def test_a_period_shorter_than_every_long_window_has_no_burn_alerts() -> None:
    promised = (Objective(name="success_rate", bound=bound(Metric.SUCCESS_RATE, ">=", 0.9)),)
    severities = {
        period: [alert.severity for alert in alert_rules("a", Slos(objectives=promised, window_seconds=period))]
        for period in (1_800, 3_600, 259_200)
    }
    assert severities == {1_800: [], 3_600: ["critical"], 259_200: ["critical", "warning"]}


def test_an_objective_without_a_budget_is_measured_and_raises_nothing_by_itself() -> None:
    dear = (Objective(name="cost", bound=bound(Metric.COST_PER_REQUEST, "<=", 0.15)),)
    assert alert_rules("support", Slos(objectives=dear)) == ()
