"""Prometheus accepts the exported rules, and fires and resolves at the same minutes as analytics does."""

from pathlib import Path

import pytest

from analytics.domain.alert_rules import alert_rules
from analytics.domain.prometheus_rules import rule_file
from analytics.handlers.metrics import SECONDS
from contracts.objectives import Slos
from tests.support.every_promise import every_promise
from tests.support.promtool import BUCKETS, WORKFLOW, check, disagreement
from tests.support.slo_scenarios import SCENARIOS, Scenario, burst


def exported(slos: Slos) -> str:
    return rule_file(WORKFLOW, alert_rules(WORKFLOW, slos), SECONDS)


def test_the_rules_of_every_metric_pass(tmp_path: Path) -> None:
    assert "SUCCESS" in check(tmp_path, exported(every_promise()))


def test_promises_that_ask_for_nothing_are_a_rule_file_too(tmp_path: Path) -> None:
    assert "0 rules found" in check(tmp_path, exported(Slos()))


def test_names_with_quotes_and_braces_stay_names(tmp_path: Path) -> None:
    rules = rule_file('a "b" {c}', alert_rules('a "b" {c}', burst().slos), SECONDS)
    assert "SUCCESS" in check(tmp_path, rules)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_prometheus_agrees_to_the_minute(scenario: Scenario, tmp_path: Path) -> None:
    assert float(BUCKETS[1]) in SECONDS
    assert disagreement(tmp_path, exported(scenario.slos), scenario) == ""
