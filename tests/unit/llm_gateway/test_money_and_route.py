"""Are calls priced upwards, and models chosen in order, with a reason for each that is not?"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_gateway.domain.answer import Answer, Usage
from llm_gateway.domain.bid import bid_for, output_tokens_granted, within_cap
from llm_gateway.domain.cost import cost_at_most, cost_of, cost_of_answer, estimated_tokens
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.models import Model, ModelKind, ModelTable, Price, ProviderSettings
from llm_gateway.domain.route_model import Candidate, Need, Route, route_model

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


def model(name: str, *, window: int = 10_000, output: int = 1_000, **fields: Any) -> Model:
    return Model(name, "default", PRICE, window, output, **fields)


TABLE = ModelTable(
    {
        "small": model("small", window=2_000),
        "plain": model("plain", capabilities=frozenset()),
        "a": model("a"),
        "b": model("b"),
        "vectors": model("vectors", kind=ModelKind.EMBEDDING),
    },
    {"all": ("small", "plain", "a", "b"), "small": ("small",), "mixed": ("vectors", "a"), "many": ("a",) * 6},
    {"default": ProviderSettings("default", trusted_with_pii=True)},
)
NONE_OPEN: frozenset[str] = frozenset()
CHEAP = replace(TABLE.models["a"], name="cheap", price=Price(input=1_000, output=1_000, cached=0))


def routed(profile: str, need: Need, open_models: frozenset[str] = NONE_OPEN) -> Route:
    found = route_model(TABLE, profile, need, open_models)
    assert isinstance(found, Route), found
    return found


def names(route: Route) -> list[str]:
    return [candidate.model.name for candidate in route.candidates]


def skips(route: Route) -> dict[str, str]:
    return {skip.model: skip.reason for skip in route.skipped}


def test_models_are_tried_in_the_order_of_the_profile() -> None:
    route = routed("all", Need(600))
    assert (names(route), route.skipped) == (["small", "plain", "a", "b"], ())
    assert [candidate.tokens_output_max for candidate in route.candidates] == [1_000] * 4


def test_a_window_is_used_up_to_four_fifths_and_an_answer_fits_into_the_rest() -> None:
    assert routed("small", Need(1_500)).candidates[0].tokens_output_max == 100
    too_long = route_model(TABLE, "small", Need(1_600), NONE_OPEN)
    detail = "no model of 'small' can take this: small: window: 1600 + 1 tokens are over the 1600 usable"
    assert too_long == Failure(ErrorClass.CONTEXT_TOO_LONG, detail)
    assert isinstance(route_model(TABLE, "small", Need(1_000, tokens_output_max=601), NONE_OPEN), Failure)


def test_each_skip_says_its_reason() -> None:
    route = routed("all", Need(1_700, tools=True), frozenset({"a"}))
    assert (names(route), skips(route)) == (["b"], {"small": "window", "plain": "capability", "a": "breaker"})
    assert skips(routed("mixed", Need(1))) == {"vectors": "kind"}


@pytest.mark.parametrize("need", [Need(1, tools=True), Need(1, json_schema=True), Need(1, vision=True)])
def test_a_model_that_lacks_what_is_needed_is_skipped(need: Need) -> None:
    assert skips(routed("all", need)) == {"plain": "capability"}


def test_a_model_whose_shortest_answer_is_over_the_lowest_cap_is_skipped() -> None:
    route = Route((Candidate(TABLE.models["a"], 100, 1_000), Candidate(CHEAP, 100, 1_000)), ())
    dear = bid_for(route.candidates[0], output_tokens_asked=None).least
    found = within_cap(route, cap_microdollars=dear - 1, output_tokens_asked=None)
    assert (names(found), skips(found)) == (["cheap"], {"a": "cost"})
    assert found.skipped[0].detail == f"{dear} micro-dollars are over the cap of {dear - 1}"
    assert within_cap(route, cap_microdollars=dear, output_tokens_asked=None) == route
    assert within_cap(route, cap_microdollars=None, output_tokens_asked=None) == route


def test_a_cap_that_pays_for_no_model_leaves_the_cheapest_to_the_gate() -> None:
    """Only the gate can say whose cap it is and what was spent."""
    route = Route((Candidate(TABLE.models["a"], 100, 1_000), Candidate(CHEAP, 100, 1_000)), ())
    assert names(within_cap(route, cap_microdollars=0, output_tokens_asked=None)) == ["cheap"]


def test_no_more_than_four_models_are_tried() -> None:
    assert (len(routed("many", Need(1)).candidates), skips(routed("many", Need(1)))) == (4, {"a": "surplus"})


def test_open_breakers_alone_are_a_failure_that_may_pass_and_several_reasons_are_none() -> None:
    shut = route_model(TABLE, "small", Need(1), frozenset({"small"}))
    assert isinstance(shut, Failure) and (shut.error_class, shut.retryable) == (ErrorClass.PROVIDER_UNREACHABLE, True)
    both = route_model(TABLE, "mixed", Need(1), frozenset({"a"}))
    assert isinstance(both, Failure) and both.error_class is ErrorClass.NO_CANDIDATE


def test_a_model_can_be_asked_for_by_its_name_and_an_unknown_name_is_refused() -> None:
    assert names(routed("b", Need(1))) == ["b"]
    unknown = route_model(TABLE, "x", Need(1), NONE_OPEN)
    assert isinstance(unknown, Failure) and unknown.error_class is ErrorClass.UNKNOWN_PROFILE


def test_a_table_knows_the_vocabulary_and_the_trust_of_a_profile() -> None:
    assert TABLE.encoding_of("all") is None and TABLE.encoding_of("nobody") is None
    assert TABLE.trusted("all") and not TABLE.trusted("nobody")
    assert model("m", upstream_name="real").asked_as == "real" and model("m").asked_as == "m"


@given(st.integers(1, 50_000), st.integers(1, 1_000), st.none() | st.integers(1, 1_000))
def test_what_a_grant_allows_never_costs_more_than_the_grant(sent: int, longest: int, asked: int | None) -> None:
    candidate = Candidate(model("m", output=longest), sent, longest)
    bid = bid_for(candidate, output_tokens_asked=asked)
    assert bid.least <= bid.most
    for amount in (bid.least, (bid.least + bid.most) // 2, bid.most):
        tokens = output_tokens_granted(candidate, bid, amount)
        assert cost_at_most(PRICE, tokens_input=sent, tokens_output_max=tokens) <= amount
        assert min(16, longest) <= tokens <= longest


def test_a_caller_that_says_how_long_gets_that_or_nothing() -> None:
    bid = bid_for(Candidate(model("m"), 10, 500), output_tokens_asked=500)
    assert bid.least == bid.most and bid.tokens == 510


def test_answers_that_cost_nothing_are_granted_whole() -> None:
    free = replace(model("m"), price=Price(1, 0, 1))
    assert (
        output_tokens_granted(Candidate(free, 10, 500), bid_for(Candidate(free, 10, 500), output_tokens_asked=None), 0)
        == 500
    )
