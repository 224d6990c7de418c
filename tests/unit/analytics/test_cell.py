"""Cells have ids of their own, and few of them cover a period."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS, SPANS_MS, Cell, Subject, cells_of, stretches

FIRST = Subject("a", "executions", "w", "1")
minutes = st.integers(0, 6_000)


def test_cells_that_differ_in_anything_have_different_ids() -> None:
    others = [
        Subject(**{one.name: getattr(FIRST, one.name) for one in fields(Subject)} | {name: value})
        for name, value in [
            ("tenant", "b"), ("family", "nodes"), ("workflow", "v"), ("version", "2"), ("node", "n"),
            ("agent", "n"), ("model", "n"), ("tool", "n"), ("person", "n"), ("key", "n"), ("workflow", "w/1"),
            ("stage", "n"), ("outcome", "n"),
        ]
    ]  # fmt: skip
    cells = [Cell(subject, "minute", 0) for subject in (FIRST, *others)]
    cells += [Cell(FIRST, "hour", 0), Cell(FIRST, "minute", MINUTE_MS)]
    assert len({cell.id for cell in cells}) == len(cells) == 16


def test_a_message_counts_in_its_minute_its_hour_and_its_day_and_a_conversation_has_one_cell() -> None:
    hour_ms = DAY_MS + HOUR_MS
    at_ms = hour_ms + 2 * MINUTE_MS + 5
    begins = {"day": DAY_MS, "hour": hour_ms, "minute": hour_ms + 2 * MINUTE_MS}
    assert {cell.span: cell.start_ms for cell in cells_of(FIRST, at_ms)} == begins
    talk = Subject("a", "conversations", key="c1")
    assert cells_of(talk, at_ms) == (Cell(talk, "all", 0),)


@given(minutes, minutes)
def test_the_stretches_of_a_period_are_it_once_and_as_long_as_they_can_be(first: int, second: int) -> None:
    from_ms, to_ms = (number * MINUTE_MS for number in sorted((first, second)))
    parts = list(stretches(from_ms, to_ms))
    covered = [minute for _, since, until in parts for minute in range(since, until, MINUTE_MS)]
    assert covered == list(range(from_ms, to_ms, MINUTE_MS))
    assert all(since % SPANS_MS[span] == until % SPANS_MS[span] == 0 for span, since, until in parts)
    cells = {
        span: sum((until - since) // SPANS_MS[span] for one, since, until in parts if one == span) for span in SPANS_MS
    }
    assert cells["minute"] < 120 and cells["hour"] < 48
