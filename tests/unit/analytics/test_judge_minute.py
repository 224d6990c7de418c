"""A minute is judged on few cells as it would be on all its minutes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.slo_playing import BAD_COUNTS, GOOD_COUNTS, SUPPORT
from tests.support.slo_scenarios import promise

from analytics.domain.alert_rules import BoundAlert, alert_rules
from analytics.domain.cells import DAY_MS, MINUTE_MS, SPANS_MS, Cell, cells_of, stretches
from analytics.domain.judge_minute import bound_stretch, burn_stretches, promised, stretches_of, verdict_of
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, count_in
from contracts.objectives import Bound, ConditionAlert, Metric, Slos

BOUND = Bound(metric=Metric.SUCCESS_RATE, comparison="<", threshold=0.9)
Event = tuple[int, bool]


def rollups_of(events: Sequence[Event]) -> dict[Cell, Rollup]:
    """Minutes, hours and days of events at these minutes, good or not."""
    parts: dict[Cell, list[Contribution]] = {}
    for sequence, (minute, good) in enumerate(events, start=1):
        counts = GOOD_COUNTS if good else BAD_COUNTS
        for cell in cells_of(SUPPORT, minute * MINUTE_MS):
            parts.setdefault(cell, []).append(Contribution(sequence, SUPPORT, counts))
    return {cell: count_in(Rollup(cell), Together(found), Settled("log", 0))[0] for cell, found in parts.items()}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5 * 1_440), st.booleans()), max_size=60),
    st.integers(3 * 1_440, 5 * 1_440),
)
def test_the_verdict_does_not_depend_on_the_spans_of_the_cells(events: list[Event], minute: int) -> None:
    known, ends_ms = rollups_of(events), minute * MINUTE_MS
    minutes = [rollup for cell, rollup in known.items() if cell.span == "minute"]
    slos = Slos(
        objectives=promise(0.9).objectives,
        alerts=(ConditionAlert(bound=BOUND),),
        window_seconds=172_800,
        minimum_events=3,
    )
    for rule in alert_rules("support", slos):
        asked = [
            (span, first_ms, last_ms)
            for one in stretches_of(rule, ends_ms=ends_ms)
            for span, first_ms, last_ms in stretches(one.from_ms, one.to_ms, spans=one.spans)
        ]
        few = [
            rollup
            for cell, rollup in known.items()
            if any(cell.span == span and first <= cell.start_ms < last for span, first, last in asked)
        ]
        assert verdict_of(rule, few, ends_ms=ends_ms) == verdict_of(rule, minutes, ends_ms=ends_ms)


def test_few_cells_are_asked_for() -> None:
    ends_ms = 30 * DAY_MS + 61 * MINUTE_MS
    cells = sum(
        (last_ms - first_ms) // SPANS_MS[span]
        for one in burn_stretches(ends_ms=ends_ms)
        for span, first_ms, last_ms in stretches(one.from_ms, one.to_ms, spans=one.spans)
    )
    assert cells < 600


@pytest.mark.parametrize(("seconds", "from_ms"), [(3_600, 0), (60, 3_540_000)])
def test_a_condition_is_looked_at_over_its_window(seconds: int, from_ms: int) -> None:
    rule = BoundAlert("support", str(BOUND), "warning", BOUND, seconds, 20)
    [stretch] = stretches_of(rule, ends_ms=3_600_000)
    assert stretch == bound_stretch(seconds, ends_ms=3_600_000)
    assert (stretch.from_ms, stretch.to_ms) == (from_ms, 3_600_000)


def test_no_promise_is_about_shadows() -> None:
    shadow = Rollup(Cell(replace(SUPPORT, stage="shadow"), "minute", 0))
    assert promised([shadow, Rollup(Cell(SUPPORT, "minute", 0))]) == [Rollup(Cell(SUPPORT, "minute", 0))]
