"""Questions about figures: grouped, filtered, in buckets, ordered, cut."""

from dataclasses import replace

import pytest

from analytics.domain.answer_question import Question, answer
from analytics.domain.cells import DAY_MS, HOUR_MS, Cell, Family, Span, Subject
from analytics.domain.histogram import bucket_of
from analytics.domain.metric_catalogue import METRICS, Sums, metric_of, names_of
from analytics.domain.rollup import Rollup


def rollup(workflow: str, hour: int, executions: int, *, successes: int = 0, version: str = "1") -> Rollup:
    counts = {"executions": executions, "successes": successes, "cost_microdollars": executions * 500_000}
    cell = Cell(Subject("acme", "executions", workflow, version), "hour", hour * HOUR_MS)
    latency = {bucket_of(1_000 * (hour + 1)): executions} if executions else {}
    return Rollup(cell, {name: n for name, n in counts.items() if n}, {"latency_ms": latency})


ROLLUPS = [
    rollup("returns", 0, 4, successes=3),
    rollup("returns", 1, 6, successes=6, version="2"),
    rollup("orders", 1, 2, successes=1),
    rollup("idle", 25, 0),
]


def test_without_dimensions_and_buckets_there_is_one_row_of_everything() -> None:
    rows, is_cut = answer(Question("executions", ("executions", "success_rate", "cost_usd")), ROLLUPS)
    assert (rows, is_cut) == ([{"executions": 12, "success_rate": 10 / 12, "cost_usd": 6.0}], False)


def test_rows_are_of_each_value_of_the_dimensions_and_of_what_is_filtered_for() -> None:
    asked = Question("executions", ("executions",), ("workflow", "version"), {"workflow": frozenset({"returns"})})
    rows, _ = answer(asked, ROLLUPS)
    assert rows == [
        {"workflow": "returns", "version": "1", "executions": 4},
        {"workflow": "returns", "version": "2", "executions": 6},
    ]


def test_buckets_are_days_of_hours() -> None:
    rows, _ = answer(Question("executions", ("executions",), bucket="day"), ROLLUPS)
    assert rows == [{"bucket_ms": 0, "executions": 12}, {"bucket_ms": DAY_MS, "executions": 0}]


def test_percentiles_are_of_all_cells_of_a_row_together() -> None:
    rows, _ = answer(Question("executions", ("p50_latency_ms", "p5_latency_ms"), ("workflow",)), ROLLUPS)
    values = {row["workflow"]: (row["p5_latency_ms"], row["p50_latency_ms"]) for row in rows}
    assert values["returns"] == (pytest.approx(1_000, rel=0.02), pytest.approx(2_000, rel=0.02))
    assert values["idle"] == (None, None)


@pytest.mark.parametrize(("descending", "names"), [(False, ["orders", "returns"]), (True, ["returns", "orders"])])
def test_rows_are_ordered_by_a_column_those_without_a_value_last_and_cut(descending: bool, names: list[str]) -> None:
    metrics, order = ("success_rate",), "success_rate"
    asked = Question("executions", metrics, ("workflow",), order=order, descending=descending, limit=2)
    rows, is_cut = answer(asked, ROLLUPS)
    assert ([row["workflow"] for row in rows], is_cut) == (names, True)
    rest, is_cut = answer(replace(asked, skip=2), ROLLUPS)
    assert ([row["workflow"] for row in rest], is_cut) == (["idle"], False)


@pytest.mark.parametrize(("bucket", "spans"), [(None, ("day", "hour", "minute")), ("hour", ("hour", "minute"))])
def test_no_cell_is_read_that_is_longer_than_a_bucket(bucket: Span | None, spans: tuple[Span, ...]) -> None:
    assert Question("executions", ("executions",), bucket=bucket).spans == spans


@pytest.mark.parametrize("family", METRICS)
def test_every_metric_that_is_offered_is_nothing_where_nothing_was_counted(family: Family) -> None:
    for name in names_of(family):
        metric = metric_of(family, name)
        assert metric is not None
        assert metric(Sums({})) in (0, None, {})


@pytest.mark.parametrize("name", ["p100_latency_ms", "latency_ms", "p95_tokens", "", "executions; drop"])
def test_what_is_no_metric_is_none(name: str) -> None:
    assert metric_of("executions", name) is None
    assert metric_of("people", "p95_latency_ms") is None
