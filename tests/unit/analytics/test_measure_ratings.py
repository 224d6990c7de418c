"""Ratings are booked to the workflow that served the conversation, in the window in which they came."""

from analytics.domain.measure_ratings import measure_ratings
from analytics.domain.measurement import Measurement


def rated(rating: int, at_ms: int, workflow: str = "returns") -> dict[str, int]:
    return {f"served.{workflow}/1": 1, f"rated.{rating}": at_ms}


def test_the_mean_is_of_ratings_of_the_workflow_in_the_window() -> None:
    conversations = [rated(5, 100), rated(2, 199), rated(1, 200), rated(1, 150, "orders"), {"served.returns/1": 1}]
    assert measure_ratings(conversations, workflow="returns", from_ms=100, to_ms=200) == Measurement(3.5, 2)


def test_without_ratings_there_is_nothing_to_measure() -> None:
    assert measure_ratings([], workflow="returns", from_ms=0, to_ms=200) == Measurement(None, 0)


def test_the_first_rating_of_a_conversation_counts() -> None:
    both = {**rated(1, 120), **rated(5, 110)}
    assert measure_ratings([both], workflow="returns", from_ms=0, to_ms=200) == Measurement(5.0, 1)
