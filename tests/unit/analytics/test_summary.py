"""Figures are what SPEC A3 defines, and no data is not zero."""

import pytest

from analytics.domain.cells import Cell, Subject
from analytics.domain.histogram import bucket_of
from analytics.domain.rollup import Rollup
from analytics.domain.summary import by_workflow, figures


def rollup(workflow: str, latency_ms: int = 1_000, **counts: int) -> Rollup:
    subject = Subject("acme", "executions" if workflow else "messages", workflow, "1" if workflow else "")
    return Rollup(Cell(subject, "minute", 0), counts, {"latency_ms": {bucket_of(latency_ms): 1}})


def test_rates_are_shares_of_executions_and_of_turns() -> None:
    one = rollup("support", executions=8, successes=6, handovers=3, turns=6, turn_handovers=3, cost_microdollars=80)
    found = figures([one, rollup("support", executions=2, successes=2)])
    assert (found.success_rate, found.handover_rate, found.intervention_rate) == (0.8, 0.3, 0.5)
    assert (found.cost_microdollars, found.cost_microdollars_per_execution) == (80, 8.0)


def test_without_executions_every_rate_and_percentile_is_none() -> None:
    found = figures([])
    assert found.success_rate is found.handover_rate is found.intervention_rate is None
    assert found.latency_ms_p50 is found.latency_ms_p95 is found.cost_microdollars_per_execution is None


def test_each_workflow_has_its_own_figures_and_what_belongs_to_none_is_in_the_total_alone() -> None:
    known = [rollup("b", 10, executions=1), rollup("a", 5_000, executions=2), rollup("", messages_received=9)]
    found = by_workflow(known)
    assert list(found) == ["a", "b"]
    assert found["a"].latency_ms_p95 == pytest.approx(5_000, rel=0.02)
    assert figures(known).counts["messages_received"] == 9
