"""Intervals of ratios: wide enough, the same every time, none where there is too little."""

import pytest
from tests.bench.kpi_intervals import SCENARIOS, measure

from analytics.domain.bootstrap import Interval, Pairing, difference_interval, ratio, ratio_interval

STEADY = [(5.0, 10.0)] * 20
MIXED = [(float(number % 4), 10.0) for number in range(40)]


def test_a_ratio_is_all_by_all_and_nothing_by_nothing_is_unknown() -> None:
    assert ratio([(1, 2), (3, 2)]) == 1
    assert ratio([(0, 0)]) is ratio([]) is None


def test_what_never_varies_is_sure() -> None:
    assert ratio_interval(STEADY) == Interval(0.5, 0.5)
    assert difference_interval(STEADY, STEADY, Pairing.OTHER_TIME) == Interval(0, 0)


def test_what_varies_is_within_an_interval_that_is_the_same_every_time() -> None:
    found = ratio_interval(MIXED)
    assert found is not None and found == ratio_interval(list(MIXED))
    assert 0.10 < found.low < 0.15 < found.high < 0.20


def test_too_few_blocks_with_something_in_them_have_no_interval() -> None:
    assert ratio_interval([]) is None
    assert ratio_interval(STEADY[:7] + [(0.0, 0.0)] * 41) is None
    assert ratio_interval(STEADY[:8]) is not None
    assert difference_interval(MIXED, STEADY[:5], Pairing.OTHER_TIME) is None


def test_draws_that_hold_nothing_are_left_out() -> None:
    found = ratio_interval(STEADY[:8] + [(0.0, 0.0)] * 300)
    assert found == Interval(0.5, 0.5)


def test_what_both_sides_share_in_time_cancels_out() -> None:
    better = [(numerator + 1, denominator) for numerator, denominator in MIXED]
    together = difference_interval(better, MIXED, Pairing.SAME_TIME)
    apart = difference_interval(better, MIXED, Pairing.OTHER_TIME)
    assert together is not None and apart is not None
    assert together.low == pytest.approx(0.1) == together.high
    assert apart.low < 0.1 < apart.high


def test_intervals_of_95_percent_hold_the_truth_about_as_often() -> None:
    found = measure(SCENARIOS[1], trials=120, seed=3)
    assert min(found.ratio, found.other_time, found.same_time) >= 0.90, found
    assert max(found.ratio, found.other_time, found.same_time) < 1
