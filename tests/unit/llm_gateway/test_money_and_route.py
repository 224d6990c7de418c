"""Are calls priced upwards, and models chosen in order, with a reason for each that is not?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_gateway.domain.answer import Answer, Usage
from llm_gateway.domain.cost import cost_at_most, cost_of, cost_of_answer, estimated_tokens
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.models import Model, ModelTable, Price
from llm_gateway.domain.route_model import Candidates, route_model

PRICE = Price(input=400_000, output=1_600_000, cached=100_000)


def test_a_call_costs_what_its_tokens_cost_and_a_part_of_a_micro_dollar_is_a_whole_one() -> None:
    assert cost_of(PRICE, Usage(1_000, 400, 100)) == 240 + 40 + 160
    assert cost_of(PRICE, Usage(1, 0, 0)) == 1
    assert cost_of(PRICE, Usage()) == 0


def test_an_answer_without_a_count_costs_all_that_was_reserved() -> None:
    assert cost_of_answer(PRICE, Answer("m"), reserved_microdollars=77) == 77
    assert cost_of_answer(PRICE, Answer("m", usage=Usage(0, 0, 1)), reserved_microdollars=77) == 2


def test_a_provider_that_counts_more_cached_than_sent_gives_no_money_back() -> None:
    assert cost_of(PRICE, Usage(10, 1_000, 0)) == 100


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**6))
def test_what_is_reserved_covers_every_answer_within_its_limits(sent: int, limit: int, cached: int) -> None:
    usage = Usage(sent, min(cached, sent), limit)
    assert cost_of(PRICE, usage) <= cost_at_most(PRICE, tokens_input=sent, tokens_output_max=limit)


def test_tokens_are_estimated_at_three_bytes_each() -> None:
    assert [estimated_tokens(count) for count in (0, 1, 3, 4)] == [0, 1, 1, 2]


def model(name: str, *, price: Price | None = PRICE, window: int = 10_000) -> Model:
    return Model(name, "default", price, window, 1_000)


TABLE = ModelTable(
    {
        "small": model("small", window=2_000),
        "free": model("free", price=None),
        "a": model("a"),
        "b": model("b"),
        "c": model("c"),
    },
    {"all": ("small", "free", "a", "b", "c"), "small": ("small",), "free": ("free", "small")},
)


def test_the_first_that_fits_is_called_and_the_next_is_its_only_fallback() -> None:
    routed = route_model(TABLE, "all", tokens_input=600)
    assert isinstance(routed, Candidates)
    assert [candidate.model.name for candidate in routed.chosen] == ["small", "a"]
    assert routed.skipped == ("unpriced_model: model free has no price",)


def test_a_window_is_used_up_to_four_fifths() -> None:
    assert isinstance(route_model(TABLE, "small", tokens_input=600), Candidates)
    too_long = route_model(TABLE, "small", tokens_input=601)
    assert too_long == Failure(ErrorClass.CONTEXT_TOO_LONG, "1601 tokens are over the 1600 usable of small")


@pytest.mark.parametrize(("profile", "error"), [("free", ErrorClass.UNPRICED_MODEL), ("x", ErrorClass.UNKNOWN_PROFILE)])
def test_when_nothing_fits_the_first_reason_is_given(profile: str, error: ErrorClass) -> None:
    failure = route_model(TABLE, profile, tokens_input=10**6)
    assert isinstance(failure, Failure)
    assert (failure.error_class, failure.retryable) == (error, False)
