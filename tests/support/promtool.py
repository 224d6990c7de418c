"""Where is promtool, and does it agree with what the alerts of a scenario must do?"""

import json
import shutil
import subprocess
from itertools import accumulate
from pathlib import Path

from analytics.domain.prometheus_expressions import BOUND_ALERT, BURN_ALERT
from tests.support.repository import ROOT
from tests.support.slo_scenarios import AlertName, Minute, Scenario

BUCKETS = ("1.0", "15.0", "20.0", "60.0", "+Inf")
WORKFLOW = "support"


def promtool() -> str:
    """The program that `make test` puts beside the repository's files, or the machine's own."""
    found = shutil.which("promtool", path=str(ROOT / ".tools")) or shutil.which("promtool")
    assert found is not None, "no promtool: `make test` fetches it; or install the package `prometheus`"
    return found


def check(folder: Path, rules: str) -> str:
    """What `promtool check rules` says of a rule file that it accepts."""
    (folder / "rules.yaml").write_text(rules)
    done = _run(folder, "check", "rules", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def disagreement(folder: Path, rules: str, scenario: Scenario) -> str:
    """What `promtool test rules` finds wrong, minute by minute; empty if nothing."""
    (folder / "rules.yaml").write_text(rules)
    (folder / "tests.yaml").write_text(json.dumps(_tests(scenario)))
    done = _run(folder, "test", "rules", "tests.yaml")
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[:4_000]


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [promtool(), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _tests(scenario: Scenario) -> dict[str, object]:
    """Every alert is asked for in every minute, so that none fires early, late or besides."""
    alertnames = [BURN_ALERT] * bool(scenario.slos.objectives) + [BOUND_ALERT] * bool(scenario.slos.alerts)
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": _series(scenario),
                "alert_rule_test": [
                    {
                        "eval_time": f"{at}m",
                        "alertname": alertname,
                        "exp_alerts": [
                            _expected(name)
                            for name in sorted(scenario.firing)
                            if _is_burn(name) == (alertname == BURN_ALERT) and _is_firing(scenario, name, at)
                        ],
                    }
                    for at in range(len(scenario.minutes) + 1)
                    for alertname in alertnames
                ],
            }
        ],
    }


def _is_burn(name: AlertName) -> bool:
    return " " not in name[0]


def _is_firing(scenario: Scenario, name: AlertName, at: int) -> bool:
    return any(fired <= at and (resolved is None or at < resolved) for fired, resolved in scenario.firing[name])


def _expected(name: AlertName) -> dict[str, object]:
    slo, severity = name
    is_spent = f"{WORKFLOW}: the error budget of {slo} is spent too fast"
    return {
        "exp_labels": {"workflow": WORKFLOW, "slo": slo, "severity": severity},
        "exp_annotations": {"summary": is_spent if _is_burn(name) else f"{WORKFLOW}: {slo}"},
    }


def _series(scenario: Scenario) -> list[dict[str, str]]:
    """The counters that analytics would expose at the end of each minute, from 0 on."""
    good, bad = [minute[0] for minute in scenario.minutes], [minute[1] for minute in scenario.minutes]
    both = [events + failed for events, failed in scenario.minutes]
    cost = [_cost(minute) for minute in scenario.minutes]
    counters = {
        f'hil_executions_total{{workflow="{WORKFLOW}",sink="FINISH",reason="none",success="true"}}': good,
        f'hil_executions_total{{workflow="{WORKFLOW}",sink="HANDOVER",reason="error",success="false"}}': bad,
        f'hil_execution_seconds_count{{workflow="{WORKFLOW}",sink="FINISH"}}': both,
        f'hil_cost_microdollars_total{{workflow="{WORKFLOW}"}}': cost,
        # Another workflow, of which nothing may be counted in.
        'hil_executions_total{workflow="other",sink="HANDOVER",reason="error",success="false"}': both,
    }
    for edge in BUCKETS:
        within = both if edge in ("60.0", "+Inf") else good
        counters[f'hil_execution_seconds_bucket{{workflow="{WORKFLOW}",sink="FINISH",le="{edge}"}}'] = within
    return [
        {"series": series, "values": _values(counts, scenario.counters_reset_at)} for series, counts in counters.items()
    ]


def _cost(minute: Minute) -> int:
    return 100_000 * minute[0] + 1_000_000 * minute[1]


def _values(counts: list[int], reset_at: int | None) -> str:
    parts = [counts] if reset_at is None else [counts[:reset_at], counts[reset_at:]]
    first, *later = [list(accumulate(part)) for part in parts]
    return " ".join(map(str, [0, *first, *(value for part in later for value in part)]))
