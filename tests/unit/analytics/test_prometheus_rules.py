"""A rule file says what analytics judges, and names what it cannot say."""

from typing import Any

import yaml
from tests.support.every_promise import every_promise
from tests.support.slo_scenarios import promise

from analytics.domain.alert_rules import alert_rules
from analytics.domain.prometheus_expressions import duration
from analytics.domain.prometheus_rules import rule_file
from analytics.handlers.metrics import SECONDS
from contracts.objectives import Slos

OF = '{workflow="support",slo="success_rate"}'
CRITICAL = f"""(
  hil:slo_bad_events:increase1h{OF} / hil:slo_events:increase1h{OF} > 0.144
  and hil:slo_bad_events:increase5m{OF} / hil:slo_events:increase5m{OF} > 0.144
  and (hil:slo_bad_events:increase1h{OF} >= 10 or (hil:slo_bad_events:increase1h{OF} >= 3 and hil:slo_events:increase1h{OF} >= 20))
)
or (
  hil:slo_bad_events:increase6h{OF} / hil:slo_events:increase6h{OF} > 0.06
  and hil:slo_bad_events:increase30m{OF} / hil:slo_events:increase30m{OF} > 0.06
  and (hil:slo_bad_events:increase6h{OF} >= 10 or (hil:slo_bad_events:increase6h{OF} >= 3 and hil:slo_events:increase6h{OF} >= 20))
)
or (max by (workflow, slo) (ALERTS{{alertname="HilErrorBudgetBurn",alertstate="firing",workflow="support",slo="success_rate",severity="critical"}}) unless hil:slo_events:increase31m{OF} > 0)"""  # noqa: E501


def rules(slos: Slos) -> list[dict[str, Any]]:
    [group] = yaml.safe_load(rule_file("support", alert_rules("support", slos), SECONDS))["groups"]
    assert (group["name"], group["interval"]) == ("hil-slo-support", "60s")
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_a_promise_has_a_critical_and_a_warning_alert() -> None:
    critical, warning = [rule for rule in rules(promise(0.99)) if "alert" in rule]
    assert critical == {
        "alert": "HilErrorBudgetBurn",
        "expr": CRITICAL,
        "labels": {"severity": "critical", "workflow": "support", "slo": "success_rate"},
        "for": "2m",
        "keep_firing_for": "30m",
        "annotations": {"summary": "support: the error budget of success_rate is spent too fast"},
    }
    assert warning["labels"]["severity"] == "warning"


def test_each_window_is_recorded_once_and_before_it_is_asked_for() -> None:
    found = rules(promise(0.99))
    names = [rule.get("record", "alert") for rule in found]
    windows = ["5m", "30m", "31m", "1h", "6h", "3d"]
    assert sorted(names[:-2]) == sorted(
        f"hil:slo_{what}:increase{window}" for what in ("events", "bad_events") for window in windows
    )
    assert names[-2:] == ["alert", "alert"]
    assert found[1] == {
        "record": "hil:slo_bad_events:increase5m",
        "expr": 'sum(increase(hil_executions_total{workflow="support",success="false"}[5m]))',
        "labels": {"workflow": "support", "slo": "success_rate"},
    }


def test_what_is_not_exported_is_named() -> None:
    text = rule_file("support", alert_rules("support", every_promise()), SECONDS)
    # Five budgets x 2 (success, error, handover, p50, p95) and seven bounds.
    assert len([rule for rule in rules(every_promise()) if "alert" in rule]) == 17
    assert [line for line in text.splitlines() if line.startswith("# Not here:")] == [
        "# Not here: intervention_rate (critical): analytics exposes no metric for it.",
        "# Not here: intervention_rate (warning): analytics exposes no metric for it.",
        "# Not here: p99_latency_ms (critical): 31000 ms is no bucket of hil_execution_seconds.",
        "# Not here: p99_latency_ms (warning): 31000 ms is no bucket of hil_execution_seconds.",
        "# Not here: intervention_rate <= 0.2 (warning): analytics exposes no metric for it.",
        "# Not here: csat >= 4 (warning): analytics exposes no metric for it.",
    ]


def test_without_promises_there_are_no_groups() -> None:
    assert yaml.safe_load(rule_file("support", (), SECONDS)) == {"groups": []}


def test_a_duration_has_the_largest_unit_that_divides_it() -> None:
    assert [duration(seconds) for seconds in (90, 300, 3_600, 5_400, 259_200)] == ["90s", "5m", "1h", "90m", "3d"]
