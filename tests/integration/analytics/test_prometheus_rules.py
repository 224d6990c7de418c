"""Prometheus accepts the exported rules, and fires and resolves at the same minutes as analytics does."""

from pathlib import Path

import pytest
import yaml
from tests.support.promtool import BUCKETS, WORKFLOW, check, disagreement
from tests.support.slo_scenarios import SCENARIOS, Scenario, burst

from analytics.domain.alert_rules import alert_rules
from analytics.domain.prometheus_rules import rule_file
from analytics.handlers.metrics import SECONDS
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


def all_metrics() -> Slos:
    bounds = [Bound(metric=metric, comparison="<=", threshold=limit) for metric, limit in UPPER.items()]
    bounds.append(Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=0.99))
    bounds.append(Bound(metric=Metric.CSAT, comparison=">=", threshold=4))
    return Slos(
        objectives=tuple(Objective(name=bound.metric, bound=bound) for bound in bounds),
        alerts=tuple(ConditionAlert(bound=bound) for bound in bounds),
    )


def exported(slos: Slos) -> str:
    return rule_file(WORKFLOW, alert_rules(WORKFLOW, slos), SECONDS)


def test_the_rules_of_every_metric_pass_promtool_and_what_is_not_exported_is_named(tmp_path: Path) -> None:
    rules = exported(all_metrics())
    assert "SUCCESS" in check(tmp_path, rules)
    [group] = yaml.safe_load(rules)["groups"]
    alerts = [rule for rule in group["rules"] if "alert" in rule]
    # 5 budgets x 2 (success, error, handover, p50, p95) and 7 bounds; intervention, CSAT and burns of 31 s are left out.
    assert len(alerts) == 17
    assert {frozenset(alert["labels"]) for alert in alerts} == {frozenset({"severity", "workflow", "slo"})}
    assert all((alert["for"], alert["keep_firing_for"]) == ("2m", "30m") for alert in alerts)
    assert [line for line in rules.splitlines() if line.startswith("# Not here:")] == [
        "# Not here: intervention_rate (critical): analytics exposes no metric for it.",
        "# Not here: intervention_rate (warning): analytics exposes no metric for it.",
        "# Not here: p99_latency_ms (critical): 31000 ms is no bucket of hil_execution_seconds.",
        "# Not here: p99_latency_ms (warning): 31000 ms is no bucket of hil_execution_seconds.",
        "# Not here: intervention_rate <= 0.2 (warning): analytics exposes no metric for it.",
        "# Not here: csat >= 4 (warning): analytics exposes no metric for it.",
    ]


def test_promises_that_ask_for_nothing_are_a_rule_file_too(tmp_path: Path) -> None:
    assert "0 rules found" in check(tmp_path, exported(Slos()))


def test_names_with_quotes_and_braces_stay_names(tmp_path: Path) -> None:
    rules = rule_file('a "b" {c}', alert_rules('a "b" {c}', burst().slos), SECONDS)
    assert "SUCCESS" in check(tmp_path, rules)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_prometheus_agrees_to_the_minute(scenario: Scenario, tmp_path: Path) -> None:
    assert float(BUCKETS[1]) in SECONDS
    assert disagreement(tmp_path, exported(scenario.slos), scenario) == ""
