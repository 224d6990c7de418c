"""The ratings of a workflow are those that its sums hold, of the AI alone and with people."""

from analytics.domain.cells import Cell, Subject
from analytics.domain.measure_ratings import measure_ratings
from analytics.domain.measurement import Measurement
from analytics.domain.rollup import Rollup


def worth(minute_ms: int, **counts: int) -> Rollup:
    cell = Cell(Subject("acme", "worth", "returns", "1"), "minute", minute_ms)
    return Rollup(cell, counts)


def test_the_mean_is_of_all_ratings() -> None:
    alone = worth(0, ratings_ai_only=2, rating_sum_ai_only=9, events_revenue=7)
    with_people = worth(60_000, ratings_handed_over=1, rating_sum_handed_over=1, satisfied_handed_over=0)

    assert measure_ratings([alone, with_people]) == Measurement(10 / 3, 3)


def test_without_ratings_there_is_nothing_to_measure() -> None:
    assert measure_ratings([worth(0, events_revenue=7)]) == Measurement(None, 0)
