"""Does a report say what was answered, escaped, and nothing else?"""

import re
from datetime import UTC, datetime

import pytest

from hil.report import contents, judged
from hil.report.chart import LEFT, RIGHT, WIDTH, picture
from hil.report.contents import Period, Question
from hil.report.figure_text import Number, Unit, unit_of, written
from hil.report.page import Asked, Page, page

HOUR_MS = 3_600_000
PERIOD = Period(0, 3 * HOUR_MS, "hour")
HOSTILE = "<script>alert(1)</script>"
ROW: dict[str, object] = {
    "bucket_ms": HOUR_MS,
    "executions": 4,
    "successes": 3,
    "success_rate": 0.75,
    "handover_rate": 0.25,
    "p50_latency_ms": 900.0,
    "p95_latency_ms": 2_500.0,
    "cost_per_request": 0.0021,
    "cost_usd": 0.0084,
}
WHEN = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "usd", "–"), (0.9995, "percent", "99.95 %"), (1, "percent", "100.0 %"), (0.117, "percent", "11.7 %"),
        (0.99997, "percent", "99.99 %"), (0.0004, "percent", "0.04 %"), (0.00001, "percent", "0.01 %"),
        (0, "percent", "0.0 %"), (-0.00001, "percent", "-0.01 %"), (-0.17, "percent", "-17.0 %"),
        (12.4, "ms", "12 ms"), (2_500, "ms", "2.50 s"), (90_000, "ms", "1.5 min"), (7_200_000, "ms", "2.0 h"),
        (0, "usd", "$0.00"), (0.0021, "usd", "$0.002100"), (0.05, "usd", "$0.0500"), (-3, "usd", "-$3.00"),
        (12_345, "usd", "$12,345"), (1_234, "count", "1,234"), (4.314, "number", "4.31"), (1_234.5, "number", "1,234"),
    ],
)  # fmt: skip
def test_figures_are_written_in_their_unit(value: Number, unit: Unit, text: str) -> None:
    assert written(value, unit) == text


@pytest.mark.parametrize(
    ("unit", "metrics"),
    [
        ("percent", ("success_rate", "failure_rate", "intervention_rate", "pass_rate", "pass^2")),
        ("ms", ("p95_latency_ms",)),
        ("usd", ("cost_usd", "cost_per_request")),
        ("number", ("csat",)),
        ("count", ("executions", "claims")),
    ],
)
def test_a_metric_s_name_tells_its_unit(unit: Unit, metrics: tuple[str, ...]) -> None:
    assert {unit_of(metric) for metric in metrics} == {unit}


def test_a_question_is_of_the_filters_but_people_are_counted_by_tenant_alone() -> None:
    filters = {"tenant": "acme", "workflow": "returns"}
    body = Question("people", ("replies",), ("person",)).body(PERIOD, filters)
    assert body["filters"] == {"tenant": ["acme"]}
    assert body["order_by"] == "-replies"
    timed = Question("executions", ("executions",), is_bucketed=True).body(PERIOD, filters)
    assert timed["filters"] == {"tenant": ["acme"], "workflow": ["returns"]}
    assert timed["bucket"] == "hour"
    assert "order_by" not in timed


def test_charts_have_a_value_for_every_bucket_zero_where_nothing_was_and_a_gap_in_rates() -> None:
    executions, rates, latency, cost = contents.charts(PERIOD, [ROW])  # type: ignore[list-item]
    assert [one.values for one in executions.series] == [(0, 3, 0), (0, 1, 0)]
    assert rates.series[0].values == (None, 0.75, None)
    assert latency.series[1].values == (None, 2_500.0, None)
    assert cost.series[0].values == (0, 0.0084, 0)
    assert contents.charts(PERIOD, []) == []


def test_the_bar_of_a_bucket_that_is_not_over_stays_in_the_picture() -> None:
    row = {**ROW, "bucket_ms": 2 * HOUR_MS}
    executions = contents.charts(Period(0, 2 * HOUR_MS + 60_000, "hour"), [row])[0]  # type: ignore[list-item]
    bars = picture(executions, WHEN).bars
    assert {bar.x for bar in bars} == {LEFT + (WIDTH - LEFT - RIGHT) * 2 / 3}
    assert max(bar.x + bar.width for bar in bars) <= WIDTH - RIGHT


def test_reasons_are_counted_by_code_the_most_frequent_first() -> None:
    counts = {"executions": 9, "handovers_by_reason.timeout": 1, "handovers_by_reason.low_confidence": 3}
    assert contents.reasons([{"counts": counts}]).rows == (
        ("low confidence", "3", "75.0 %"),
        ("timeout", "1", "25.0 %"),
    )
    assert contents.reasons([]).rows == ()


def test_a_promise_is_told_with_what_was_measured_in_its_unit() -> None:
    slo = {"slo": "a", "workflow": "w", "events": 9, "window_seconds": 2_592_000, "budget_left": None}
    rows = [
        {**slo, "objective": "success_rate >= 0.95", "measured": 0.97},
        {**slo, "objective": "p95_latency_ms <= 15000", "measured": 4_000.0},
        {**slo, "objective": "csat >= 4", "measured": 4.25},
        {**slo, "objective": "cost_per_request <= 0.15", "measured": None},
    ]
    assert [row[3] for row in judged.promises(rows).rows] == ["97.0 %", "4.00 s", "4.25", "–"]
    assert judged.promises(rows).rows[0][5:] == ("30 d", "–")


def test_tiles_of_an_empty_period_say_that_nothing_was_measured() -> None:
    assert dict(contents.tiles([])) == {
        "Executions": "0",
        "Success rate": "–",
        "Handover rate": "–",
        "p95 latency": "–",
        "Cost per execution": "–",
        "Cost": "–",
    }


def test_a_page_escapes_every_text_and_loads_nothing() -> None:
    named = contents.table(
        "Tools",
        contents.TABLES["Tools"],
        {"rows": [{**dict.fromkeys(contents.TABLES["Tools"].metrics), "tool": HOSTILE}], "is_cut": False},
    )
    slo = judged.promises([{"slo": HOSTILE, "workflow": HOSTILE, "objective": HOSTILE, "measured": None, "events": 0,
                              "window_seconds": 1, "budget_left": None}])  # fmt: skip
    asked = Asked(contents.tiles([ROW]), contents.charts(PERIOD, [ROW]), [slo, named])  # type: ignore[list-item]
    text = page(asked, Page({"workflow": HOSTILE}, WHEN, WHEN, WHEN))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 5
    assert re.findall(r"(?:src|href|url)\s*[=(]", text) == []
    assert text.count("<svg") == 4
    assert "$0.008400" in text


def test_an_empty_period_is_said_in_words_without_empty_tables() -> None:
    nothing = Asked(contents.tiles([]), [], [contents.reasons([])])
    text = page(nothing, Page({}, WHEN, WHEN, WHEN))
    assert "Nothing was counted in this period." in text
    assert "<table" not in text


def test_what_was_cut_is_said_even_where_nothing_is_left_to_show() -> None:
    row = {**dict.fromkeys(contents.TABLES["Tools"].metrics, 1), "tool": "t"}
    cut = contents.table("Tools", contents.TABLES["Tools"], {"rows": [row, row], "is_cut": True})  # type: ignore[dict-item]
    text = page(Asked([], [], [cut, judged.evaluations([], "Of some alone.")]), Page({}, WHEN, WHEN, WHEN))
    assert "The 2 with the most calls." in text
    assert "Of some alone." in text
    assert text.count("<table") == 1


def test_kpis_stand_beside_those_of_the_period_before() -> None:
    def side(unaided: int, revenue: dict[str, int]) -> dict[str, object]:
        csat = {"ai_only": {"mean": 4.3}, "handed_over": {"mean": None}}
        figures = {
            "executions": 10,
            "unaided": unaided,
            "time_saved_ms": 7_200_000,
            "cost_saved_microdollars": 5_000_000,
        }
        return {"figures": {**figures, "revenue_micros": revenue, "csat": csat}}

    told = judged.kpis({"period": side(9, {"EUR": 12_500_000}), "against": side(8, {"USD": 3_000_000})})  # type: ignore[dict-item]
    assert told.rows == (
        ("Without a person", "90.0 %", "80.0 %"),
        ("Time saved", "2.0 h", "2.0 h"),
        ("Cost saved", "$5.00", "$5.00"),
        ("Revenue, EUR", "12.5", "0"),
        ("Revenue, USD", "$0.00", "$3.00"),
        ("CSAT, ai only", "4.3", "4.3"),
        ("CSAT, handed over", "–", "–"),
    )
    nothing = {**side(0, {})["figures"], "executions": 0}  # type: ignore[dict-item]
    assert judged.kpis({"period": {"figures": nothing}, "against": {"figures": nothing}}).rows[0][1] == "–"


def test_an_experiment_is_told_with_its_verdict_if_it_ran_in_the_period() -> None:
    report = {"verdict": "pass", "reasons": [{"text": "better"}, {"text": "and cheaper"}]}
    one = {"experiment": {"name": "n", "workflow": "w"}, "report": report}
    assert judged.experiments([one]).rows == (("n", "w", "pass", "better; and cheaper"),)  # type: ignore[list-item]
    spans = [(0, None), (0, 5), (0, 9), (25, None)]
    ran = [judged.runs_in({"started_ms": since, "stopped_ms": until}, 9, 20) for since, until in spans]
    assert ran == [True, False, True, False]
