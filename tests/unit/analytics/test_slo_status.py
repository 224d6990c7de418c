"""How a promise is kept, and what is left of its error budget, now and on the way here."""

from collections.abc import Sequence

import pytest
from tests.support.slo_playing import contributions_of, counted
from tests.support.slo_scenarios import GOOD, Minute

from analytics.domain.cells import MINUTE_MS
from analytics.domain.error_budget import BudgetPoint, burn_down
from analytics.domain.measurement import Measurement
from analytics.domain.rollup import Rollup
from analytics.domain.slo_status import SloStatus, slo_status
from contracts.objectives import Bound, Metric, Objective

SUCCESS = Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=0.9)
RATINGS = Measurement(4.5, 30)
CSAT = Bound(metric=Metric.CSAT, comparison=">=", threshold=4)
COST = Bound(metric=Metric.COST_PER_REQUEST, comparison="<=", threshold=0.5)


def status_of(bound: Bound, rollups: Sequence[Rollup]) -> SloStatus:
    objective = Objective(name="promise", bound=bound)
    return slo_status(objective, rollups, RATINGS, window_seconds=3_600, minimum_events=20, ends_ms=MINUTE_MS)


def test_the_budget_goes_down_with_each_bad_event_from_all_to_what_is_left() -> None:
    minutes: tuple[Minute, ...] = (GOOD, (8, 2), (0, 0), (9, 1))
    points = burn_down(SUCCESS, counted([], contributions_of(minutes)), from_ms=0)
    assert [point.at_ms // MINUTE_MS for point in points] == [0, 1, 2, 4]
    assert [point.left for point in points] == pytest.approx([1, 1, 1 / 3, 0])


def test_more_than_the_budget_can_be_spent() -> None:
    assert burn_down(SUCCESS, counted([], contributions_of([(0, 5)])), from_ms=0)[-1] == BudgetPoint(MINUTE_MS, -9.0)


def test_there_is_nothing_to_burn_without_events_or_without_a_budget() -> None:
    assert burn_down(SUCCESS, [], from_ms=0) == ()
    assert burn_down(COST, counted([], contributions_of([GOOD])), from_ms=0) == ()


def test_a_status_says_what_was_promised_measured_and_is_left() -> None:
    rollups = counted([], contributions_of([(19, 1)]))
    status = status_of(SUCCESS, rollups)
    assert (status.slo, status.objective, status.events) == ("promise", "success_rate >= 0.9", 20)
    assert (status.measured, status.budget, status.budget_left) == (0.95, 0.1, 0.5)
    nothing = status_of(SUCCESS, [])
    assert (nothing.measured, nothing.events, nothing.budget_left) == (None, 0, None)


def test_ratings_are_measured_by_themselves() -> None:
    status = status_of(CSAT, [])
    assert (status.measured, status.events, status.budget, status.budget_left) == (4.5, 30, None, None)


def test_a_promise_without_a_budget_holds_or_not_by_what_was_measured() -> None:
    assert status_of(CSAT, []).holds is True
    assert status_of(Bound(metric=Metric.CSAT, comparison=">=", threshold=4.6), []).holds is False
    enough = counted([], contributions_of([(10, 10)]))
    unpleasant = Bound(metric=Metric.SUCCESS_RATE, comparison="<=", threshold=0.4)
    assert (status_of(unpleasant, enough).budget_left, status_of(unpleasant, enough).holds) == (None, False)


def test_a_promise_neither_holds_nor_not_below_the_minimum_of_events() -> None:
    assert status_of(SUCCESS, counted([], contributions_of([(0, 19)]))).holds is None
    assert status_of(SUCCESS, counted([], contributions_of([(0, 20)]))).holds is False
