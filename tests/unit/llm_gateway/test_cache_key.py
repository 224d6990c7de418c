"""Which requests share an answer, and which never may?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.completions import CachePolicy
from llm_gateway.domain.answer import Answer, CalledTool
from llm_gateway.domain.cache_key import QUESTION_CHARACTERS_MAX, lookup_for, may_be_kept
from llm_gateway.domain.call import Call

POLICY = CachePolicy(tier="semantic")
BODY = {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where are you?"}]}
CALL = Call("r", "bus", "acme", "balanced", BODY, "p", 10, cache=POLICY)
TOOL_CALL = {"id": "t", "type": "function", "function": {"name": "find", "arguments": "{}"}}


def test_nothing_is_shared_unless_the_request_says_so() -> None:
    assert lookup_for(replace(CALL, cache=None), BODY, {}) is None


def test_a_request_with_masked_values_is_never_shared() -> None:
    assert lookup_for(CALL, BODY, {"email": 1}) is None


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "tools": [{"type": "function", "function": {"name": "find"}}]},
        {"messages": [*BODY["messages"], {"role": "assistant", "tool_calls": [TOOL_CALL]}]},
        {"messages": [*BODY["messages"], {"role": "tool", "tool_call_id": "t", "content": "7"}]},
    ],
)
def test_a_request_with_tools_is_never_shared(body: dict[str, object]) -> None:
    assert lookup_for(CALL, body, {}) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, tenant="other"),
        replace(CALL, profile="other"),
        replace(CALL, output_tokens_max=7),
        replace(CALL, cache=POLICY.model_copy(update={"knowledge_version": "2"})),
        replace(CALL, cache=POLICY.model_copy(update={"locale": "de"})),
    ],
)
def test_what_differs_in_its_circumstances_has_another_key_and_another_partition(other: Call) -> None:
    one, two = lookup_for(CALL, BODY, {}), lookup_for(other, BODY, {})
    assert one is not None and two is not None
    assert one.key != two.key and one.partition != two.partition


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": "Be rude."}, BODY["messages"][1]]},
        {**BODY, "temperature": 0.5},
        {**BODY, "response_format": {"type": "json_object"}},
    ],
)
def test_another_prompt_or_output_schema_is_another_partition(body: dict[str, object]) -> None:
    one, two = lookup_for(CALL, BODY, {}), lookup_for(CALL, body, {})
    assert one is not None and two is not None
    assert one.key != two.key and one.partition != two.partition


def test_another_question_is_another_key_of_the_same_partition() -> None:
    asked = {"messages": [BODY["messages"][0], {"role": "user", "content": "Where is your shop?"}]}
    one, two = lookup_for(CALL, BODY, {}), lookup_for(CALL, asked, {})
    assert one is not None and two is not None
    assert one.key != two.key and one.partition == two.partition


def test_the_order_of_fields_and_the_person_who_asks_make_no_difference() -> None:
    backwards = {"user": "u7", "messages": [dict(reversed(message.items())) for message in BODY["messages"]]}
    assert lookup_for(CALL, backwards, {}) == lookup_for(CALL, BODY, {})


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_two_tenants_share_a_key_however_their_names_are_put_together(one: str, other: str) -> None:
    mine = lookup_for(replace(CALL, tenant=one, profile=other), BODY, {})
    swapped = lookup_for(replace(CALL, tenant=other, profile=one), BODY, {})
    assert mine is not None and swapped is not None
    assert (mine.key == swapped.key) == (one == other)


def test_only_short_words_of_a_user_are_compared_by_meaning() -> None:
    long = {"messages": [{"role": "user", "content": "a" * (QUESTION_CHARACTERS_MAX + 1)}]}
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
    said = {"messages": [{"role": "assistant", "content": "hello"}]}
    exact = replace(CALL, cache=CachePolicy(tier="exact"))
    lookups = [lookup_for(CALL, body, {}) for body in (long, parts, said)] + [lookup_for(exact, BODY, {})]
    assert [lookup.question for lookup in lookups if lookup is not None] == [None] * 4


@pytest.mark.parametrize(
    "answer",
    [
        Answer("m", "cut", finish_reason="length"),
        Answer("m", "", finish_reason="stop"),
        Answer("m", "text", tool_calls=(CalledTool("t", "find", "{}"),)),
        Answer("m", "no", finish_reason="content_filter"),
    ],
)
def test_only_a_whole_answer_in_words_is_kept(answer: Answer) -> None:
    assert not may_be_kept(answer)
    assert may_be_kept(Answer("m", "whole"))
