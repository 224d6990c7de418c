"""Does the report of an experiment say and show what the API said, and nothing that a browser would run?"""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from numpy.random import default_rng
from tests.support.simulated_experiments import CONTROL, TREATMENT, Effect, looks

from analytics.api.experiments import ExperimentReport
from analytics.domain.experiment_history import HistoryPoint
from analytics.domain.judge_experiment import judge
from contracts.experiments import Experiment
from hil.experiment_picture import page_of, picture_of
from hil.experiment_text import report_text, shown

SVG = "{http://www.w3.org/2000/svg}"
DAY_MS = 86_400_000


def report(effect: Effect, **fields: Any) -> ExperimentReport:
    """Of 14 simulated days."""
    declared = {
        "name": "shorter-answers",
        "workflow": "customer_support",
        "arms": [{"version": v, "content_hash": v, "percent": 50} for v in (CONTROL, TREATMENT)],
        "metrics": ["success_rate", "cost_usd"],
        "conversations_min": 200,
        "started_ms": 1_790_000_000_000,
        **fields,
    }
    experiment = Experiment.model_validate(declared)
    days = [judge(experiment, arms) for arms in looks(default_rng(7), effect)]
    history = [
        HistoryPoint(experiment.started_ms + day * DAY_MS, TREATMENT, day * 200, found.comparisons[0].metrics)
        for day, found in enumerate(days, start=1)
    ]
    listed = {**dict(experiment), "tenant": "acme", "state": "running"}
    body = {"experiment": listed, "report": days[-1], "history": history, "as_of_seq": 1, "is_complete": True}
    return ExperimentReport.model_validate(body)


def test_the_text_says_the_verdict_first_and_why() -> None:
    lines = report_text(report(Effect(success=0.06))).splitlines()

    assert lines[0] == "shorter-answers on customer_support of acme: PASS"
    assert lines[2] == "  2.0.0: success_rate got better"
    assert any(line.startswith("  success_rate") and line.endswith("better") for line in lines)
    assert any(line.startswith("  p95_latency_ms") and "not breached" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_a_breached_guardrail_says_by_how_much_at_least() -> None:
    text = report_text(report(Effect(cost_factor=1.6)))

    assert text.splitlines()[0].endswith("FAIL")
    assert "guardrail 0%: breached: worse by $0.0" in text


def test_a_wrong_split_is_said_aloud() -> None:
    found = report(Effect(share=0.4))

    assert "split IS NOT AS DECLARED (p = " in report_text(found)
    assert "not split as declared" in picture_of(found)


def test_a_stopped_experiment_says_when() -> None:
    assert "stopped 2026-09-21 14:14" in report_text(report(Effect(), stopped_ms=1_790_000_060_000))


@pytest.mark.parametrize(
    ("metric", "value", "sign", "text"),
    [
        ("success_rate", 0.913, "", "91.3 %"),
        ("success_rate", -0.02, "+", "-2.0 pt"),
        ("cost_usd", 0.04, "", "$0.0400"),
        ("cost_usd", -0.04, "+", "-$0.0400"),
        ("latency_ms", 6_100.4, "+", "+6,100 ms"),
        ("csat", 4.5, "", "4.50"),
        ("csat", None, "", "-"),
    ],
)
def test_values_have_their_units(metric: str, value: float | None, sign: str, text: str) -> None:
    assert shown(metric, value, sign=sign) == text


def test_the_picture_is_well_formed_and_has_an_interval_and_a_band_for_each_metric() -> None:
    root = ET.fromstring(picture_of(report(Effect(success=0.06))))

    kinds = [(one.tag.removeprefix(SVG), one.get("class", "")) for one in root.iter()]
    assert kinds.count(("polygon", "band")) == 2
    assert kinds.count(("line", "bar better")) == 1 and kinds.count(("circle", "better")) == 1
    assert root.findtext(f"{SVG}title") == "shorter-answers: PASS"
    inside = [float(one.get(name, 0)) for one in root.iter() for name in ("x", "x1", "x2", "cx")]
    assert min(inside) >= 0 and max(inside) <= float(root.get("width", 0))


def test_everything_stays_within_the_height_of_the_picture() -> None:
    root = ET.fromstring(picture_of(report(Effect(success=-0.06, cost_factor=1.6))))

    assert max(float(one.get("y", 0)) for one in root.iter()) < float(root.get("height", 0))


def test_before_anything_is_known_there_is_a_picture_without_bands() -> None:
    found = report(Effect())
    early = found.model_copy(update={"history": found.history[:1]})

    assert "polygon" not in picture_of(early)


def test_names_cannot_become_markup() -> None:
    found = report(Effect(), workflow="<script>alert(1)</script>")

    assert "<script>" not in page_of(found) and "&lt;script&gt;" in page_of(found)
    assert page_of(found).count("<svg ") == 1
