"""Prometheus accepts the exported rules, and fires and resolves at the same minutes as analytics does."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics.domain.alert_rules import alert_rules
from analytics.domain.prometheus_rules import rule_file
from analytics.handlers.metrics import SECONDS
from contracts.objectives import Slos
from hil.workflow_commands import workflow_app
from tests.support.every_promise import every_promise
from tests.support.promtool import BUCKETS, WORKFLOW, check, disagreement
from tests.support.slo_scenarios import SCENARIOS, Scenario, burst

SHIPPED = sorted(one for one in (Path(__file__).parents[3] / "workflows").glob("*.yaml"))


def exported(slos: Slos) -> str:
    return rule_file(WORKFLOW, alert_rules(WORKFLOW, slos), SECONDS)


def test_the_rules_of_every_metric_pass(tmp_path: Path) -> None:
    assert "SUCCESS" in check(tmp_path, exported(every_promise()))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_command_prints_rules_for_every_workflow_that_is_shipped(file: Path, tmp_path: Path) -> None:
    printed = CliRunner().invoke(workflow_app, ["alerts", str(file)])
    assert printed.exit_code == 0
    assert "SUCCESS" in check(tmp_path, printed.stdout)


def test_the_command_names_the_mistakes_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("name: wrong\nversion: '1'\nslos: {success_rate: 2}\n")
    printed = CliRunner().invoke(workflow_app, ["alerts", str(file)])
    assert (printed.exit_code, printed.stdout) == (2, "")


def test_promises_that_ask_for_nothing_are_a_rule_file_too(tmp_path: Path) -> None:
    assert "0 rules found" in check(tmp_path, exported(Slos()))


def test_names_with_quotes_and_braces_stay_names(tmp_path: Path) -> None:
    rules = rule_file('a "b" {c}', alert_rules('a "b" {c}', burst().slos), SECONDS)
    assert "SUCCESS" in check(tmp_path, rules)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_prometheus_agrees_to_the_minute(scenario: Scenario, tmp_path: Path) -> None:
    assert float(BUCKETS[1]) in SECONDS
    assert disagreement(tmp_path, exported(scenario.slos), scenario) == ""
