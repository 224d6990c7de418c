"""Which calls are refused, and with which word?"""

import pytest
from tests.support.tools import tool_with

from contracts.envelope import BasedOn
from contracts.tool_calls import ExecuteToolCall
from tool_runner.domain.arguments import (
    ARGUMENT_CHARACTERS_MAX,
    ARGUMENT_DEPTH_MAX,
    ARGUMENT_LIMITS,
    ARGUMENT_VALUES_MAX,
    Caller,
    arguments_hash,
    call_hash,
    state_key_for,
    with_reserved,
)
from tool_runner.domain.outcome import ErrorClass, Failed
from tool_runner.domain.size_limits import SizeLimits, beyond_limits
from tool_runner.domain.tool_policy import Absence, absent, is_granted, refusal_of_arguments, refusal_of_node


def command(**fields: object) -> ExecuteToolCall:
    return ExecuteToolCall.model_validate(
        {
            "node": "agent",
            "tool_call_id": "1",
            "tool": "shop.cancel",
            "idempotency_key": "k",
            "based_on": BasedOn(now_ms=1, fence=0),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("patterns", "granted"),
    [
        ((), False),
        (("shop.cancel",), True),
        (("shop.*",), True),
        (("*",), True),
        (("shop.canc",), False),
        (("shop",), False),
        (("shopping.*", "other.*"), False),
        (("SHOP.*",), False),
        (("other.*", "shop.c*"), True),
    ],
)
def test_a_tool_is_granted_only_by_a_pattern_that_matches(patterns: tuple[str, ...], granted: bool) -> None:
    assert is_granted("shop.cancel", patterns) is granted


def test_without_any_grant_a_call_is_denied() -> None:
    refusal = refusal_of_node(command())
    assert refusal == Failed(ErrorClass.DENIED, "shop.cancel is not granted to node agent; granted: nothing")


def test_a_denial_names_what_is_granted() -> None:
    refusal = refusal_of_node(command(tools_allowed=("crm.*",)))
    assert refusal is not None
    assert refusal.detail.endswith("granted: crm.*")


def test_a_granted_call_is_not_refused() -> None:
    assert refusal_of_node(command(tools_allowed=("shop.*",))) is None
    assert refusal_of_arguments(command(arguments={"order": "1"}), tool_with()) is None


def test_an_argument_of_the_runner_cannot_be_set_by_a_caller() -> None:
    refusal = refusal_of_arguments(command(arguments={"key": "forged"}), tool_with(idempotency_argument="key"))
    assert refusal == Failed(ErrorClass.INVALID_ARGUMENTS, "shop.cancel: key cannot be set by a caller")


def test_arguments_beyond_the_limits_are_refused_without_their_values() -> None:
    refusal = refusal_of_arguments(command(arguments={"amount": 2**70}), tool_with())
    assert refusal == Failed(ErrorClass.INVALID_ARGUMENTS, "shop.cancel: arguments are an integer of more than 63 bits")


def test_an_unknown_tool_is_final_and_a_starting_server_is_not() -> None:
    assert absent(command(), Absence.UNKNOWN) == Failed(ErrorClass.UNKNOWN_TOOL, "there is no tool shop.cancel")
    starting = absent(command(), Absence.NOT_LISTED_YET)
    assert (starting.error_class, starting.retryable) == (ErrorClass.SERVER_UNAVAILABLE, True)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"a": "x", "b": [1, 2.5, None, True, {"c": "y"}]}, None),
        ({"a": nested(ARGUMENT_DEPTH_MAX - 2)}, None),
        ({"a": nested(ARGUMENT_DEPTH_MAX)}, "deep"),
        ({"a": nested(5_000)}, "deep"),
        ({"a": [0] * ARGUMENT_VALUES_MAX}, "values"),
        ({"a": "x" * (ARGUMENT_CHARACTERS_MAX + 1)}, "characters"),
        ({"a": {"x" * (ARGUMENT_CHARACTERS_MAX + 1): 1}}, "characters"),
        ({"a": -(2**63)}, "63 bits"),
        ({"a": 2**62}, None),
        ({"a": float("nan")}, "finite"),
        ({"a": [1.5, float("inf")]}, "finite"),
    ],
)
def test_size_depth_and_numbers_of_arguments_have_limits(arguments: dict[str, object], words: str | None) -> None:
    broken = beyond_limits(arguments, ARGUMENT_LIMITS)  # type: ignore[arg-type]
    assert (broken is None) if words is None else (broken is not None and words in broken)


def test_the_hash_depends_on_tool_and_arguments_and_not_on_their_order() -> None:
    assert arguments_hash("t", {"a": 1, "b": {"c": 2, "d": 3}}) == arguments_hash("t", {"b": {"d": 3, "c": 2}, "a": 1})
    assert arguments_hash("t", {"a": 1}) != arguments_hash("t", {"a": "1"})
    assert arguments_hash("t", {"a": 1}) != arguments_hash("u", {"a": 1})


def test_a_call_for_another_entity_is_another_call() -> None:
    hashes = {call_hash("t", {"a": 1}, Caller("acme", "c1", entity)) for entity in (None, "e1", "e2", "")}
    assert len(hashes) == 4
    assert call_hash("t", {"a": 1}, Caller("acme", "c1", "e1")) in hashes


def test_ten_million_characters_are_over_a_limit_and_so_is_a_result_that_is_nested_without_end() -> None:
    limits = SizeLimits(depth_max=64, values_max=1_000, characters_max=200_000)
    assert beyond_limits("x" * 10_000_000, limits) == "more than 200000 characters"
    assert beyond_limits(nested(100_000), limits) == "nested more than 64 deep"  # type: ignore[arg-type]
    assert beyond_limits([[0] * 600, [0] * 600], limits) == "more than 1000 values"


def test_state_key_and_native_key_are_added_by_the_runner() -> None:
    tool = tool_with(state_key="{tenant}/{key}", state_key_argument="state", idempotency_argument="key")
    sent = with_reserved(tool, {"order": "1"}, Caller("acme", "c1"), idempotency_key="k1")
    assert sent == {"order": "1", "state": "acme/c1", "key": "acme/c1/k1"}


def test_nothing_is_added_where_nothing_is_declared() -> None:
    assert with_reserved(tool_with(), {"order": "1"}, Caller("acme", "c1"), idempotency_key="k1") == {"order": "1"}


@pytest.mark.parametrize(
    ("template", "entity", "key"),
    [
        ("tau2/retail/{key}", None, "tau2/retail/c{entity}"),
        ("{entity}", "e1", "e1"),
        ("{entity}-{tenant}", None, "c{entity}-acme"),
        ("fixed", None, "fixed"),
    ],
)
def test_a_value_in_a_state_key_is_never_taken_for_a_placeholder(template: str, entity: str | None, key: str) -> None:
    assert state_key_for(template, Caller("acme", "c{entity}", entity)) == key
