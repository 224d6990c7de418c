"""Is a wrong split told, and a right one left alone?"""

import math

import pytest

from analytics.domain.sample_ratio import log_evidence, sample_ratio

EVEN = {"a": 50, "b": 50}


def test_a_split_as_declared_is_no_mismatch() -> None:
    found = sample_ratio(EVEN, {"a": 5_050, "b": 4_950})

    assert (found.expected, found.counted) == ({"a": 0.5, "b": 0.5}, {"a": 5_050, "b": 4_950})
    assert (found.p_value, found.is_mismatch) == (1.0, False)


def test_two_points_off_in_many_conversations_is_a_mismatch() -> None:
    assert not sample_ratio(EVEN, {"a": 1_040, "b": 960}).is_mismatch
    found = sample_ratio(EVEN, {"a": 10_400, "b": 9_600})
    assert found.is_mismatch and found.p_value < 1e-5


def test_an_arm_to_which_nobody_comes_is_a_mismatch_though_nothing_was_counted_of_it() -> None:
    assert sample_ratio(EVEN, {"a": 200}).is_mismatch


def test_nothing_counted_says_nothing() -> None:
    found = sample_ratio(EVEN, {})

    assert (found.counted, found.p_value) == ({"a": 0, "b": 0}, 1.0)


def test_shares_of_the_arms_count_and_not_the_rest() -> None:
    """Ten and thirty percent of all are a quarter and three quarters of what came."""
    assert not sample_ratio({"a": 10, "b": 30}, {"a": 2_500, "b": 7_500}).is_mismatch
    assert sample_ratio({"a": 10, "b": 30}, {"a": 3_500, "b": 6_500}).is_mismatch


def test_the_evidence_is_the_bayes_factor_of_its_closed_form() -> None:
    """After one conversation a prior around the declared split knows no better than the split."""
    assert log_evidence([0.5, 0.5], [1, 0]) == pytest.approx(0.0, abs=1e-9)
    two = math.log((500 / 1_000) * (501 / 1_001) / 0.25)
    assert log_evidence([0.5, 0.5], [2, 0]) == pytest.approx(two, abs=1e-9)
