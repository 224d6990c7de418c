"""Steps count in their order, and a conversation goes as far as it went."""

import pytest

from analytics.domain.funnel import STEPS, Step, funnel

WHOLE = {
    "first.customer": 0,
    "first.ai": 10,
    "opened.timeout.h1": 100,
    "owned.1.ana": 130,
    "first.human_agent": 140,
    "ended.resolved.h1": 200,
    "rated.5": 300,
}


def counts(steps: tuple[Step, ...], *conversations: dict[str, int]) -> list[int]:
    return [step.conversations for step in funnel(steps, conversations)]


def test_a_conversation_counts_in_each_step_that_it_took_after_those_before() -> None:
    short = {"first.customer": 5, "first.ai": 9}
    unanswered = {"first.customer": 5, "opened.timeout.h1": 9}
    steps: tuple[Step, ...] = ("customer_wrote", "handed_over", "claimed", "resolved", "rated")
    assert counts(steps, WHOLE, short, unanswered) == [3, 2, 1, 1, 1]


def test_steps_in_another_order_are_not_taken() -> None:
    assert counts(("resolved", "claimed"), WHOLE) == [1, 0]
    again = {**WHOLE, "owned.3.bo": 250}
    assert counts(("resolved", "claimed", "rated"), again) == [1, 1, 1], "a second claim counts"
    assert counts(("handed_over", "claimed"), {"opened.timeout.h1": 7, "owned.1.ana": 7}) == [1, 1]


def test_shares_and_times_are_of_those_who_took_the_step() -> None:
    quick = {"first.customer": 1_000, "opened.policy.h1": 1_040}
    first, second, third = funnel(("customer_wrote", "handed_over", "returned"), [WHOLE, quick])
    assert (first.share_of_first, first.share_of_previous, first.median_ms) == (1.0, None, None)
    assert (second.share_of_first, second.share_of_previous, second.median_ms) == (1.0, 1.0, 70)
    assert (third.conversations, third.share_of_previous, third.median_ms) == (0, 0.0, None)


def test_of_nothing_there_is_no_share() -> None:
    first, second = funnel(("claimed", "rated"), [])
    assert (first.conversations, first.share_of_first, second.share_of_previous) == (0, None, None)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_has_a_moment_of_its_own(step: Step) -> None:
    other = {**WHOLE, "ended.returned.h1": 250}
    assert counts((step,), other) == [1]
    assert counts((step,), {"first.system": 1}) == [0]
