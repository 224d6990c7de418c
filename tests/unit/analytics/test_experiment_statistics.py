"""Are verdicts right as often as they say? The short form of `python -m tests.bench.statistics`; seeds are fixed."""

import numpy as np
import pytest
from tests.support.simulated_experiments import (
    EXPERIMENT,
    Effect,
    first_verdict,
    is_covered,
    is_found_by_peeking,
    reports,
    split_looks,
)

EXPERIMENTS = 200
BOTH = EXPERIMENT.model_copy(update={"metrics": ("success_rate", "cost_usd")})


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_without_a_difference_at_most_one_in_twenty_ever_gets_a_verdict_though_looked_at_daily() -> None:
    source = random(1)
    verdicts = [first_verdict(reports(source))[0] for _ in range(EXPERIMENTS)]

    assert verdicts.count("inconclusive") >= 0.95 * EXPERIMENTS


def test_the_usual_test_looked_at_daily_would_be_wrong_often() -> None:
    """Otherwise the simulation could not find a mistake in ours."""
    source = random(2)

    assert sum(is_found_by_peeking(source) for _ in range(EXPERIMENTS)) > 0.12 * EXPERIMENTS


@pytest.mark.parametrize("effect", [Effect(), Effect(success=0.04, cost_factor=0.8)])
def test_intervals_hold_the_truth_at_all_looks_together(effect: Effect) -> None:
    source = random(3)
    covered = [is_covered(reports(source, effect, experiment=BOTH), effect) for _ in range(EXPERIMENTS)]

    assert sum(covered) >= 0.95 * EXPERIMENTS


def test_power_grows_with_the_difference_and_the_direction_is_right() -> None:
    source, passed, failed = random(4), {}, {}
    for lift in (-0.06, 0.02, 0.05):
        verdicts = [first_verdict(reports(source, Effect(success=lift)))[0] for _ in range(60)]
        passed[lift], failed[lift] = verdicts.count("pass"), verdicts.count("fail")

    assert passed[-0.06] == 0 and failed[-0.06] > 45
    assert passed[0.02] < 20 < 50 < passed[0.05]


@pytest.mark.parametrize("harm", [Effect(cost_factor=1.4), Effect(latency_factor=2.0), Effect(handover=0.08)])
def test_a_harm_that_no_metric_shows_is_stopped_by_its_guardrail(harm: Effect) -> None:
    source = random(5)
    verdicts = [first_verdict(reports(source, harm))[0] for _ in range(40)]

    assert verdicts.count("fail") > 30


def test_a_split_that_is_two_points_off_is_found_and_a_right_one_is_left_alone() -> None:
    source = random(6)
    even = [split_looks(source, 0.50, per_look=1_000, looks_max=60) for _ in range(EXPERIMENTS)]
    uneven = [split_looks(source, 0.52, per_look=1_000, looks_max=60) for _ in range(EXPERIMENTS)]

    assert sum(one.ours is not None for one in even) <= 1
    assert all(one.ours is not None for one in uneven)
    assert sum(one.chi_square is not None for one in even) >= 1
