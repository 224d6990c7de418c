"""Is pass^k the unbiased estimate, and silent where nothing is known?"""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.eval.pass_k import mean_pass_k, pass_k


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_it_is_the_share_of_all_choices_of_k_trials_that_passed(case: tuple[int, int, int]) -> None:
    passed, trials, k = case
    outcomes = [True] * passed + [False] * (trials - passed)
    chosen = list(combinations(outcomes, k))
    assert pass_k(passed, trials, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


@pytest.mark.parametrize(
    ("passed", "trials", "k", "share"), [(4, 4, 4, 1.0), (3, 4, 2, 0.5), (3, 4, 4, 0.0), (0, 1, 1, 0.0)]
)
def test_it_equals_the_closed_form(passed: int, trials: int, k: int, share: float) -> None:
    assert pass_k(passed, trials, k) == share


def test_the_naive_power_is_biased_and_this_is_not() -> None:
    """Over all outcomes of four coin flips the mean is p^2 = 0.25; the mean of (c/n)^2 is more."""
    ways = {0: 1, 1: 4, 2: 6, 3: 4, 4: 1}
    unbiased = sum(ways[c] / 16 * (pass_k(c, 4, 2) or 0.0) for c in ways)
    assert unbiased == pytest.approx(0.25)
    assert sum(ways[c] / 16 * (c / 4) ** 2 for c in ways) > 0.3


def test_fewer_trials_than_k_give_nothing() -> None:
    assert pass_k(3, 3, 4) is None
    assert mean_pass_k([(4, 4), (3, 3)], 4) is None
    assert mean_pass_k([], 1) is None


def test_each_case_counts_alike_however_often_it_was_tried() -> None:
    assert mean_pass_k([(10, 10), (0, 1)], 1) == 0.5
