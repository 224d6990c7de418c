"""Does each point of a report's chart stand where its value says?"""

from datetime import UTC, datetime

import pytest

from hil.report.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    TICK_WIDTH,
    TOP,
    WIDTH,
    Data,
    Kind,
    Series,
    nice_step,
    picture,
    starts,
)

HOUR_MS = 3_600_000
ZONE = datetime(2026, 1, 1, tzinfo=UTC)
FLOOR = HEIGHT - BOTTOM


def data(*series: tuple[float | None, ...], kind: Kind = "lines") -> Data:
    count = len(series[0])
    named = tuple(Series(str(number), values) for number, values in enumerate(series))
    return Data("x", "count", kind, tuple(range(0, count * HOUR_MS, HOUR_MS)), count * HOUR_MS, named)


def test_a_stack_stands_on_what_is_below_it_and_its_heights_are_its_values() -> None:
    bars = picture(data((10, 0), (30, 20), kind="stack"), ZONE).bars
    assert [(bar.of, bar.height) for bar in bars] == [(0, 41.5), (1, 124.5), (1, 83.0)]
    assert bars[0].y + bars[0].height == FLOOR
    assert bars[1].y + bars[1].height == bars[0].y
    assert bars[1].y == TOP


def test_a_gap_parts_a_line_and_a_point_alone_is_a_dot() -> None:
    lines = picture(data((1, None, 2, 2, None, 1)), ZONE).lines
    assert [(len(line.points.split()), line.is_dot) for line in lines] == [(1, True), (2, False), (1, True)]
    assert lines[0].points == f"{LEFT:.1f},93.0"


def test_axes_begin_at_zero_and_end_at_the_first_round_figure_that_holds_all() -> None:
    ticks = picture(data((3, 171)), ZONE).y_ticks
    assert [tick.text for tick in ticks] == ["0", "50", "100", "150", "200"]
    assert (ticks[0].at, ticks[-1].at) == (FLOOR, TOP)


@pytest.mark.parametrize(("largest", "step"), [(4, 1), (171, 50), (0.19, 0.05), (1, 0.5), (8_000, 2_000)])
def test_steps_are_round(largest: float, step: float) -> None:
    assert nice_step(largest) == pytest.approx(step)


def test_nothing_at_all_is_drawn_as_nothing_on_an_axis() -> None:
    empty = picture(data((None, None), (0, 0)), ZONE)
    assert [tick.text for tick in empty.y_ticks] == ["0", "1"]
    assert picture(data((0, 0), kind="stack"), ZONE).bars == ()


def test_times_stand_at_the_starts_of_buckets_and_are_days_where_a_period_is_long() -> None:
    ticks = picture(data(tuple(range(12))), ZONE).x_ticks
    assert [tick.text for tick in ticks] == [f"01 Jan {hour:02}:00" for hour in range(0, 12, 2)]
    assert ticks[0].at == LEFT
    assert max(tick.at for tick in picture(data(tuple(range(49))), ZONE).x_ticks) <= WIDTH - TICK_WIDTH
    assert picture(data(tuple(range(100))), ZONE).x_ticks[1].text == "01 Jan"


def test_a_period_begins_with_the_bucket_that_holds_its_start() -> None:
    assert list(starts(HOUR_MS + 5, 3 * HOUR_MS, HOUR_MS)) == [HOUR_MS, 2 * HOUR_MS]
