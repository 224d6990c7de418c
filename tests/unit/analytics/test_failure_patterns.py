"""When is a failing node a pattern: told once, not by chance, not of silence, and over when it is over?"""

from math import comb
from random import Random

import pytest
from tests.support.pattern_traffic import detections, steady

from analytics.domain.cells import HOUR_MS, MINUTE_MS
from analytics.domain.failure_patterns import (
    QUIET_MS,
    Pattern,
    Tally,
    base_period,
    chance,
    judge,
    look_back,
    minutes_to_look_at,
)

NOW_MS = 1_000 * HOUR_MS
FAST, SLOW = 15 * MINUTE_MS, 6 * HOUR_MS
NONE = Tally(0, 0)
GOOD_BASE = Tally(10_000, 20)
OPEN = Pattern(NOW_MS - HOUR_MS, 0, FAST, 20, 10, 0.01)


def is_found(fast: Tally, slow: Tally = NONE, base: Tally = NONE) -> bool:
    return judge(Pattern(), {FAST: fast, SLOW: slow}, base, ends_ms=NOW_MS)[1]


@pytest.mark.parametrize(
    ("tally", "base", "found"),
    [
        (Tally(5, 5), NONE, True),
        (Tally(4, 4), NONE, False),
        (Tally(20, 6), NONE, True),
        (Tally(20, 5), NONE, False),
        (Tally(1_000, 30), NONE, True),
        (Tally(1_000, 15), NONE, False),
        (Tally(1_000, 60), Tally(10_000, 500), False),
        (Tally(1_000, 110), Tally(10_000, 500), True),
        (Tally(100_000, 5_900), Tally(10_000, 300), False),
        (Tally(100_000, 300), Tally(1_000_000, 1_000), True),
        (Tally(30, 8), Tally(100, 5), False),
        (NONE, GOOD_BASE, False),
    ],
)
def test_a_pattern_is_far_above_the_base_rate_and_no_accident(tally: Tally, base: Tally, *, found: bool) -> None:
    assert is_found(tally, base=base) is found


def test_where_traffic_is_low_the_last_six_hours_tell() -> None:
    assert is_found(Tally(1, 1), slow=Tally(30, 25))
    assert not is_found(Tally(1, 1), slow=Tally(30, 3))
    assert judge(Pattern(), {FAST: Tally(1, 1), SLOW: Tally(30, 25)}, NONE, ends_ms=NOW_MS)[0].window_ms == SLOW


def test_a_pattern_is_told_once_with_what_it_was_found_by() -> None:
    seen = {FAST: Tally(20, 10), SLOW: Tally(25, 10)}
    pattern, is_new = judge(Pattern(), seen, Tally(100, 1), ends_ms=NOW_MS)
    assert is_new
    assert pattern == Pattern(NOW_MS, 0, FAST, 20, 10, 0.01)
    again, is_new = judge(pattern, {HOUR_MS: Tally(30, 20)}, NONE, ends_ms=NOW_MS + MINUTE_MS)
    assert (again, is_new) == (pattern, False)


@pytest.mark.parametrize(
    ("of_late", "over"),
    [(Tally(200, 2), True), (Tally(200, 4), True), (Tally(200, 6), False), (Tally(4, 0), False), (NONE, False)],
)
def test_it_is_over_when_enough_runs_of_late_are_as_usual_and_silence_is_no_recovery(
    of_late: Tally, *, over: bool
) -> None:
    pattern, is_new = judge(OPEN, {HOUR_MS: of_late}, NONE, ends_ms=NOW_MS)
    assert (pattern.is_open, pattern.closed_ms, is_new) == ((not over), NOW_MS if over else 0, False)


def test_who_lags_changes_nothing_of_what_was_found_later() -> None:
    for ends_ms in (OPEN.opened_ms, OPEN.opened_ms - MINUTE_MS):
        assert judge(OPEN, {HOUR_MS: Tally(200, 0)}, NONE, ends_ms=ends_ms) == (OPEN, False)
    over = Pattern(NOW_MS - HOUR_MS, NOW_MS, FAST, 20, 10, 0.01)
    assert judge(over, {FAST: Tally(20, 20)}, NONE, ends_ms=NOW_MS) == (over, False)


def test_what_lasts_for_a_day_is_how_the_node_is() -> None:
    day_ms = OPEN.opened_ms + 24 * HOUR_MS
    assert judge(OPEN, {HOUR_MS: Tally(20, 20)}, NONE, ends_ms=day_ms - MINUTE_MS)[0].is_open
    assert judge(OPEN, {HOUR_MS: Tally(20, 20)}, NONE, ends_ms=day_ms)[0].closed_ms == day_ms


def test_after_one_is_over_nothing_is_told_for_half_an_hour_and_old_failures_count_no_more() -> None:
    over = Pattern(NOW_MS - HOUR_MS, NOW_MS, FAST, 20, 10, 0.01)
    seen = {FAST: Tally(20, 20)}
    assert judge(over, seen, NONE, ends_ms=NOW_MS + QUIET_MS - MINUTE_MS) == (over, False)
    assert judge(over, seen, NONE, ends_ms=NOW_MS + QUIET_MS)[1]
    later = NOW_MS + 20 * MINUTE_MS
    assert look_back(over, ends_ms=later) == {FAST: later - FAST, SLOW: NOW_MS}


def test_what_is_open_looks_at_what_may_end_it() -> None:
    assert look_back(OPEN, ends_ms=NOW_MS) == {HOUR_MS: NOW_MS - HOUR_MS}
    slow = Pattern(NOW_MS - HOUR_MS, 0, SLOW, 20, 10, 0.01)
    assert look_back(slow, ends_ms=NOW_MS) == {90 * MINUTE_MS: NOW_MS - 90 * MINUTE_MS}


def test_the_base_is_a_day_of_whole_hours_that_ends_before_all_that_is_judged() -> None:
    from_ms, until_ms = base_period(NOW_MS + 59 * MINUTE_MS)
    assert (until_ms, until_ms - from_ms) == (NOW_MS - SLOW, 24 * HOUR_MS)


def test_minutes_are_looked_at_once_and_after_a_pause_those_of_two_hours() -> None:
    assert list(minutes_to_look_at(0, counted_through_ms=NOW_MS + 5)) == [NOW_MS]
    assert list(minutes_to_look_at(NOW_MS, counted_through_ms=NOW_MS + MINUTE_MS - 1)) == []
    assert list(minutes_to_look_at(NOW_MS, counted_through_ms=NOW_MS + 2 * MINUTE_MS)) == [
        NOW_MS + MINUTE_MS,
        NOW_MS + 2 * MINUTE_MS,
    ]
    assert len(minutes_to_look_at(NOW_MS, counted_through_ms=NOW_MS + 50 * HOUR_MS)) == 121


@pytest.mark.parametrize(("runs", "failures", "rate"), [(20, 6, 0.01), (300, 40, 0.05), (7, 7, 0.3)])
def test_the_chance_is_the_binomial_tail(runs: int, failures: int, rate: float) -> None:
    exact = sum(comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(failures, runs + 1))
    assert chance(Tally(runs, failures), rate) == pytest.approx(exact, rel=1e-9)


DAY, WEEK = 1_440, 10_080


@pytest.mark.parametrize(
    ("runs_a_minute", "rate"), [(0.1, 0.01), (0.1, 0.05), (2, 0.005), (2, 0.1), (10, 0.01), (10, 0.3)]
)
def test_a_node_that_fails_as_it_uses_to_is_no_pattern_in_a_week(runs_a_minute: float, rate: float) -> None:
    """Once a day of it is known; before that, 1 in 100 is taken for the rate of a node, and more is told."""
    week = steady(Random(11), WEEK, runs_a_minute=runs_a_minute, rate=rate)
    assert [minute for minute, _ in detections(week) if minute > DAY + 360] == []


@pytest.mark.parametrize(
    ("runs_a_minute", "usual", "rate", "within", "window"),
    [
        (10, 0.01, 1.0, 2, 15),
        (10, 0.01, 0.1, 15, 15),
        (10, 0.05, 0.2, 15, 15),
        (0.5, 0.01, 0.9, 15, 15),
        (2, 0.02, 0.15, 180, 360),
        (1 / 12, 0.01, 1.0, 90, 360),
    ],
)
def test_trouble_is_told_once_and_soon_and_again_when_it_comes_back(
    runs_a_minute: float, usual: float, rate: float, within: int, window: int
) -> None:
    """Four hours of it after two days without, at full and at low traffic, of all runs and of some more than usual."""
    random = Random(5)
    calm = steady(random, 2 * DAY, runs_a_minute=runs_a_minute, rate=usual)
    trouble = steady(random, 240, runs_a_minute=runs_a_minute, rate=rate)
    found = [one for one in detections([*calm, *trouble, *calm, *trouble]) if one[0] > DAY + 360]
    assert [length for _, length in found] == [window, window]
    (first, _), (second, _) = found
    assert 0 < first - 2 * DAY <= within and 0 < second - 4 * DAY - 240 <= within
