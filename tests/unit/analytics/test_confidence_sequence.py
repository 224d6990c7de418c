"""Do the boundaries have the values that the papers give, and the shape that they must have?"""

import math

import pytest

from analytics.domain.confidence_sequence import half_width, one_sided_width, quantile_ranks


def test_the_two_sided_boundary_is_growthbooks() -> None:
    """Its formula: sqrt(variance * 2 (n r^2 + 1) log(sqrt(n r^2 + 1) / a)) / (n r), r tuned for 5,000."""
    observations, alpha, variance = 12_000, 0.05, 4.0
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 5_000)
    grown = observations * rho**2 + 1
    theirs = math.sqrt(variance * 2 * grown * math.log(math.sqrt(grown) / alpha)) / (observations * rho)

    ours = half_width(math.sqrt(variance / observations), observations, alpha=alpha, tuned_for=5_000)
    assert ours == pytest.approx(theirs)


def test_looking_always_costs_about_half_as_much_again_as_looking_once() -> None:
    assert half_width(1.0, 5_000, alpha=0.05, tuned_for=5_000) == pytest.approx(3.04, abs=0.02)
    assert 1.96 * 1.5 < half_width(1.0, 5_000, alpha=0.05, tuned_for=5_000) < 1.96 * 1.6


def test_the_interval_is_tightest_near_the_number_that_it_is_tuned_for() -> None:
    widths = {n: half_width(1.0, n, alpha=0.05, tuned_for=1_000) for n in (10, 100, 1_000, 10_000, 1_000_000)}

    assert min(widths, key=lambda n: widths[n]) == 1_000
    assert widths[10] > widths[100] > widths[1_000] < widths[10_000] < widths[1_000_000]


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.003])
def test_one_side_is_cheaper_than_two_and_dearer_than_twice_the_error(alpha: float) -> None:
    one = one_sided_width(1.0, 1_000, alpha=alpha, tuned_for=1_000)

    assert one < half_width(1.0, 1_000, alpha=alpha, tuned_for=1_000)
    assert one == pytest.approx(half_width(1.0, 1_000, alpha=2 * alpha, tuned_for=1_000), rel=0.06)


def test_fewer_errors_are_allowed_for_a_wider_interval() -> None:
    widths = [half_width(1.0, 500, alpha=alpha, tuned_for=500) for alpha in (0.1, 0.05, 0.01, 0.001)]

    assert widths == sorted(widths)


def test_a_quantile_lies_between_ranks_around_it() -> None:
    low, high = quantile_ranks(0.95, 10_000, alpha=0.025, tuned_for=10_000)

    assert high is not None and 9_400 < low < 9_500 < high < 9_600


def test_few_values_do_not_reach_above_a_high_quantile() -> None:
    low, high = quantile_ranks(0.95, 100, alpha=0.025, tuned_for=100)

    assert (high, 80 < low < 95) == (None, True)
    assert quantile_ranks(0.5, 3, alpha=0.001, tuned_for=100) == (0, None)
