"""Histograms merge exactly and keep percentiles within 2 %."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.histogram import ZERO, Ranked, bucket_of, merged

VALUES = st.lists(st.floats(min_value=1, max_value=1e12), min_size=1, max_size=200)


def histogram(values: list[float]) -> dict[int, int]:
    return merged({bucket_of(value): 1} for value in values)


@given(VALUES, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_two_percent_of_the_exact_one(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert Ranked(histogram(values)).quantile(share) == pytest.approx(exact, rel=0.02)


@given(VALUES, VALUES)
def test_merging_parts_gives_the_histogram_of_all_in_any_order(left: list[float], right: list[float]) -> None:
    together = histogram(left + right)
    assert merged([histogram(left), histogram(right)]) == together
    assert merged([histogram(right), histogram(left)]) == together


def test_nothing_has_no_quantile_and_less_than_one_counts_as_zero() -> None:
    assert (Ranked({}).quantile(0.5), Ranked({}).size) == (None, 0)
    assert bucket_of(0.5) == bucket_of(-3) == ZERO
    assert Ranked({ZERO: 3}).quantile(0.95) == 0.0


def test_a_bucket_from_which_all_went_holds_no_value() -> None:
    ranked = Ranked({5: 0, 9: 1, 7: 2, 8: 0})
    assert [bucket_of(ranked.value_at(rank)) for rank in (1, 2, 3)] == [7, 7, 9]
