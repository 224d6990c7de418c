"""Is each expectation that was not met told by itself?"""

import pytest
from pydantic import JsonValue

from hil.demo.verdict import Verdict
from hil.eval.judge_case import failures_of, failures_of_task, is_expected, not_a_trial
from hil.eval.observe import Observation, ToolCall
from hil.eval.suite import Case, ExpectedCall

PAY = ToolCall("shop.pay", {"amount": 3, "to": "x"}, "completed")
SEEN = Observation(sink="FINISH", replies=("It is done.",), tool_calls=(PAY,), completions=2)


def case(**fields: object) -> Case:
    return Case.model_validate({"id": "a", "text": "hello", "expected_sink": "FINISH", **fields})


def kinds(expected: Case, seen: Observation = SEEN) -> list[str]:
    return [failure.kind for failure in failures_of(expected, seen)]


def test_a_case_that_expects_what_happened_passes() -> None:
    calls = [{"tool": "shop.pay", "arguments": {"amount": 3}}]
    assert kinds(case(tool_calls=calls, other_tool_calls="forbidden", checks=["reply == 'It is done.'"])) == []


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ({"expected_sink": "HANDOVER"}, "sink"),
        ({"expected_reason": "policy"}, "reason"),
        ({"tool_calls": [{"tool": "shop.pay", "arguments": {"amount": 4}}]}, "tools"),
        ({"tool_calls": [{"tool": "shop.pay", "times": 2}]}, "tools"),
        ({"tool_calls": [{"tool": "shop.*", "times": 0}]}, "tools"),
        ({"other_tool_calls": "forbidden"}, "tools"),
        ({"checks": ["length(tool_calls) == `0`"]}, "check"),
        ({"checks": ["reply"]}, "check"),
        ({"checks": ["nothing"]}, "check"),
    ],
)
def test_what_differs_fails_for_its_own_reason(expected: dict[str, object], kind: str) -> None:
    assert kinds(case(**expected)) == [kind]


def test_everything_that_differs_is_told() -> None:
    wrong = case(expected_sink="HANDOVER", expected_reason="policy", checks=["`false`", "sink == 'x'"])
    assert kinds(wrong) == ["sink", "reason", "check", "check"]


def test_a_call_that_did_not_run_had_no_effect() -> None:
    denied = Observation(sink="FINISH", tool_calls=(ToolCall("shop.pay", {}, "denied"),))
    assert kinds(case(tool_calls=[{"tool": "shop.pay"}]), denied) == ["tools"]
    assert kinds(case(other_tool_calls="forbidden"), denied) == []


@pytest.mark.parametrize(
    ("made", "wanted", "is_it"),
    [
        ({}, {"to": None}, False),
        ({"to": None}, {"to": None}, True),
        ({"n": 1}, {"n": True}, False),
        ({"n": 1.0}, {"n": 1}, True),
        ({"n": [{"x": True}]}, {"n": [{"x": 1}]}, False),
        ({"n": [{"x": 1}], "m": 2}, {"n": [{"x": 1}]}, True),
        ({"n": [1, 2]}, {"n": [1]}, False),
    ],
)
def test_arguments_are_the_same_as_json_has_it(
    made: dict[str, JsonValue], wanted: dict[str, JsonValue], *, is_it: bool
) -> None:
    expected = ExpectedCall(tool="shop.pay", arguments=wanted)
    assert is_expected(ToolCall("shop.pay", made, "completed"), expected) is is_it


def test_no_outcome_is_a_failure() -> None:
    assert kinds(case(), Observation()) == ["no_outcome"]


def test_an_answer_out_of_a_cache_or_of_another_version_is_no_trial() -> None:
    cached = Observation(completions=3, cached=1, versions=frozenset({"1"}))
    other = Observation(completions=3, versions=frozenset({"1", "2"}))
    assert [failure.kind for failure in not_a_trial(cached, "1")] == ["cached"]
    assert [failure.detail for failure in not_a_trial(other, "1")] == ["answered by version 2, not 1"]
    assert list(not_a_trial(SEEN, "1")) == []


def test_a_task_fails_for_each_thing_that_its_verdict_found_wrong() -> None:
    right = Verdict("0", "FINISH", "FINISH", db_equal=True, calls_equal=True, communicated=True)
    wrong = Verdict("0", "FINISH", "HANDOVER", db_equal=False, calls_equal=False, communicated=False, detail="timeout")
    assert list(failures_of_task(right)) == []
    assert [failure.kind for failure in failures_of_task(wrong)] == ["sink", "database", "tools", "reply"]
    late = Verdict("0", "FINISH", None, db_equal=True, calls_equal=True, communicated=True)
    assert [failure.kind for failure in failures_of_task(late)] == ["no_outcome"]
