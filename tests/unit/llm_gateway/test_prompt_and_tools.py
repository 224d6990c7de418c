"""Is the whole conversation sent, with tools under names that every provider takes?"""

import json

import pytest
from tests.support.costly_schemas import doubled

from contracts.completions import (
    CompletionFailed,
    CompletionProduced,
    PromptMessage,
    RequestCompletion,
    ToolCallRequest,
)
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.tool_calls import ToolDescription
from llm_gateway.domain.answer import Answer, CalledTool
from llm_gateway.domain.chat_body import shared_body, with_repair
from llm_gateway.domain.check_answer import Checked, Expected, Problem, check_answer, check_schema
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.prompt import prompt_of_chain
from llm_gateway.domain.tool_names import OfferedTools, offer, offered_name


def user(text: str) -> PromptMessage:
    return PromptMessage(role="user", content=text)


def entry(sequence: int, id: str, message: Message | None) -> LogEntry:
    return LogEntry(sequence, 0, id, message, 0)


def request(*messages: PromptMessage, continues: str | None = None) -> RequestCompletion:
    return RequestCompletion(node="n", messages=messages, continues=continues, based_on=BasedOn(now_ms=0, fence=0))


CALL = ToolCallRequest(tool_call_id="t1", tool="shop.get", arguments={"id": 7})
LOG = [
    entry(1, "r1", request(user("a"))),
    entry(2, "f1", CompletionProduced(command_id="r1", text="one", tool_calls=(CALL,))),
    entry(3, "x", None),
    entry(4, "r2", request(user("b"), continues="r1")),
    entry(5, "f2", CompletionFailed(command_id="r2", error_class="timeout")),
    entry(6, "r3", request(user("c"), continues="r1")),
    entry(7, "f3", CompletionProduced(command_id="r3", text="three")),
    entry(8, "f3", CompletionProduced(command_id="r3", text="another")),
]


def test_a_chain_is_each_request_followed_by_its_first_answer() -> None:
    prompt = prompt_of_chain(LOG, "r3")
    assert not isinstance(prompt, Failure)
    assert [(message.role, message.content) for message in prompt] == [
        ("user", "a"),
        ("assistant", "one"),
        ("user", "c"),
        ("assistant", "three"),
    ]
    assert prompt[1].tool_calls == (CALL,)


@pytest.mark.parametrize("request_id", ["r2", "nobody"])
def test_a_chain_without_an_answer_or_a_beginning_is_a_failure(request_id: str) -> None:
    failure = prompt_of_chain(LOG, request_id)
    assert isinstance(failure, Failure)
    assert failure.error_class is ErrorClass.INVALID_REQUEST


def test_a_chain_that_bites_its_tail_ends() -> None:
    circle = [
        entry(1, "r1", request(user("a"), continues="r1")),
        entry(2, "f1", CompletionProduced(command_id="r1", text="x")),
    ]
    assert isinstance(prompt_of_chain(circle, "r1"), Failure)


def tools(*names: str) -> list[ToolDescription]:
    return [ToolDescription(name=name, description=f"about {name}") for name in names]


def test_tools_are_chosen_by_pattern_and_patterns_without_any_are_named() -> None:
    offered, unmatched = offer(tools("shop.b", "shop.a", "bank.pay"), ["shop.*", "bank.pay", "mail.*"])
    assert list(offered.by_offered_name) == ["bank__pay", "shop__a", "shop__b"]
    assert unmatched == ("mail.*",)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("shop.A", ["shop.A"]), ("shop.?", ["shop.A", "shop.a"]), ("*.[ab]", ["bank.b", "shop.a"]), ("shop.", [])],
)
def test_a_pattern_matches_whole_names_in_their_own_case(pattern: str, names: list[str]) -> None:
    offered, unmatched = offer(tools("shop.a", "shop.A", "shop.ab", "bank.b"), [pattern])
    assert [tool.name for tool in offered.by_offered_name.values()] == names
    assert unmatched == (() if names else (pattern,))


def test_names_that_become_the_same_are_kept_apart() -> None:
    offered, _ = offer(tools("a.b", "a__b", "a..b"), ["*"])
    assert {name: tool.name for name, tool in offered.by_offered_name.items()} == {
        "a____b": "a..b",
        "a__b": "a.b",
        "a__b_2": "a__b",
    }


def test_names_are_short_and_of_the_allowed_letters() -> None:
    assert offered_name("shop.größe/x") == "shop__gr__e_x"
    assert len(offered_name("x" * 100)) == 64


def test_a_tool_is_understood_by_both_its_names() -> None:
    offered, _ = offer(tools("shop.a"), ["*"])
    assert offered.tool_named("shop__a") == offered.tool_named("shop.a") == tools("shop.a")[0]
    assert offered.tool_named("a") is None


def test_the_body_holds_tool_calls_results_format_and_limit() -> None:
    offered, _ = offer(tools("shop.get"), ["*"])
    prompt = (
        user("hi"),
        PromptMessage(role="assistant", tool_calls=(CALL,)),
        PromptMessage(role="tool", tool_call_id="t1", content="{}"),
    )
    shared = shared_body(prompt, offered, output_schema={"type": "object"}, temperature=0.0)
    assert shared["temperature"] == 0.0
    assert shared["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": False},
    }
    messages = json.loads(json.dumps(shared["messages"]))
    assert messages[1]["tool_calls"][0]["function"] == {"name": "shop__get", "arguments": '{"id": 7}'}
    assert messages[2]["tool_call_id"] == "t1"


def test_a_plain_body_holds_nothing_that_was_not_asked_for() -> None:
    shared = shared_body((user("hi"),), OfferedTools({}), output_schema=None, temperature=None)
    assert shared == {"messages": [{"role": "user", "content": "hi"}]}


def test_a_call_of_a_tool_that_is_offered_no_more_keeps_its_name() -> None:
    prompt = (PromptMessage(role="assistant", tool_calls=(CALL,)),)
    shared = shared_body(prompt, OfferedTools({}), output_schema=None, temperature=None)
    assert "shop__get" in json.dumps(shared)


def test_a_repair_shows_the_bad_answer_and_the_problem_and_leaves_the_first_request_alone() -> None:
    shared = shared_body((user("hi"),), OfferedTools({}), output_schema=None, temperature=None)
    repaired = json.loads(json.dumps(with_repair(shared, said="", problem="it is empty")))
    assert [message["role"] for message in repaired["messages"]] == ["user", "assistant", "user"]
    assert "it is empty" in repaired["messages"][2]["content"]
    assert len(json.loads(json.dumps(shared["messages"]))) == 1


NO_TOOLS = OfferedTools({})
SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


def test_an_answer_is_parsed_where_a_schema_asks_for_it() -> None:
    assert check_answer(Answer("m", text='{"a": 1}'), Expected(NO_TOOLS, SCHEMA)) == Checked(output={"a": 1})  # type: ignore[arg-type]
    assert check_answer(Answer("m", text="hello"), Expected(NO_TOOLS)) == Checked()


@pytest.mark.parametrize(
    ("text", "schema", "problem"),
    [
        ("{", SCHEMA, "not JSON"),
        ('{"a": "x"}', SCHEMA, 'a: "x" is not of type "integer"'),
        (r'{"a": "\ud800"}', SCHEMA, "the whole: has half of a surrogate pair"),
        ("{}", SCHEMA, 'the whole: "a" is a required property'),
        (" \n", None, "empty"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(text: str, schema: dict[str, object] | None, problem: str) -> None:
    found = check_answer(Answer("m", text=text), Expected(NO_TOOLS, schema, must_say_something=True))  # type: ignore[arg-type]
    assert isinstance(found, Problem)
    assert problem in found.text


def test_tool_calls_come_back_by_their_own_names_and_skip_the_schema() -> None:
    offered, _ = offer(tools("shop.get"), ["*"])
    calls = (CalledTool("t1", "shop__get", '{"id": 7}'), CalledTool("t2", "shop__get", ""))
    checked = check_answer(Answer("m", tool_calls=calls), Expected(offered, SCHEMA))  # type: ignore[arg-type]
    empty = ToolCallRequest(tool_call_id="t2", tool="shop.get", arguments={})
    assert checked == Checked(tool_calls=(CALL, empty))


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (CalledTool("t", "steal", "{}"), "no tool 'steal'; the tools are: shop__get"),
        (CalledTool("t", "shop__get", "{"), "not a JSON object"),
        (CalledTool("t", "shop__get", "[]"), "not a JSON object"),
    ],
)
def test_tool_calls_that_cannot_be_made_are_a_problem(call: CalledTool, problem: str) -> None:
    offered, _ = offer(tools("shop.get"), ["*"])
    found = check_answer(Answer("m", tool_calls=(call,)), Expected(offered))
    assert isinstance(found, Problem)
    assert problem in found.text


def test_a_schema_that_is_none_or_fetches_another_document_is_refused() -> None:
    assert check_schema(None) is None
    assert check_schema({"type": "string"}) is None
    for schema in ({"type": "x"}, {"$ref": "https://example.com/schema.json"}):
        failure = check_schema(schema)  # type: ignore[arg-type]
        assert failure is not None
        assert failure.error_class is ErrorClass.INVALID_REQUEST


def test_a_schema_that_would_be_compared_for_ages_is_refused_and_a_call_with_one_is_not_compared() -> None:
    """There is no clock here: 2^30 comparisons would take minutes."""
    failure = check_schema(doubled("oneOf", 30))
    assert failure is not None and failure.error_class is ErrorClass.INVALID_REQUEST
    assert "more than 20000 comparisons of one value; make it smaller" in failure.detail
    costly = ToolDescription(name="shop.get", description="", input_schema=doubled("allOf", 30), side_effect="read")
    offered, _ = offer([costly], ["*"])
    calls = (CalledTool("t1", "shop__get", '{"id": 7}'),)
    assert check_answer(Answer("m", tool_calls=calls), Expected(offered)) == Checked(tool_calls=(CALL,))


def test_a_schema_nested_beyond_all_bounds_is_refused() -> None:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(1_005):
        schema = {"not": schema}
    failure = check_schema(schema)  # type: ignore[arg-type]
    assert failure is not None and failure.error_class is ErrorClass.INVALID_REQUEST
