"""Which numbers and how many values does a report of the sandbox bring, and which does it refuse?"""

import json

import pytest

from tool_runner.adapters.sandbox.outcome import BadReport, read_report
from tool_runner.domain.sandbox import SandboxLimits
from tool_runner.domain.size_limits import RESULT_DEPTH_MAX, RESULT_VALUES_MAX


def reported(result: str) -> bytes:
    return b'{"result": ' + result.encode() + b', "files": []}\n'


@pytest.mark.parametrize("integer", [0, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)])
def test_an_integer_comes_as_it_was(integer: int) -> None:
    assert read_report(reported(json.dumps([integer])), SandboxLimits()).result == [integer]


@pytest.mark.parametrize("integer", [2**64, -(2**63) - 1, 10**30, 15511210043330985984000000])
def test_an_integer_that_would_be_rounded_is_refused(integer: int) -> None:
    with pytest.raises(BadReport, match="an integer over 64 bits, which would be rounded: give it as a text"):
        read_report(reported(json.dumps({"a": [1, integer]})), SandboxLimits())


def test_digits_in_texts_and_after_a_point_are_left_alone() -> None:
    result = {"9" * 30: ["1" * 40, " -" + "2" * 25, 0.12345678901234567, 1e300, 1.5e25]}
    assert read_report(reported(json.dumps(result)), SandboxLimits()).result == result


def nested(depth: int, innermost: str) -> str:
    return "[" * (depth - 1) + innermost + "]" * (depth - 1)


@pytest.mark.parametrize(
    "result",
    [
        json.dumps([0] * (RESULT_VALUES_MAX - 1)),
        json.dumps([{"a": []}] * ((RESULT_VALUES_MAX - 1) // 2)),
        nested(RESULT_DEPTH_MAX, "0"),
        nested(RESULT_DEPTH_MAX, "{}"),
        json.dumps("[" * 500 + "," * 200_000),
    ],
)
def test_a_result_may_have_as_many_values_and_be_as_deep_as_any_tools(result: str) -> None:
    assert read_report(reported(result), SandboxLimits()).result == json.loads(result)


@pytest.mark.parametrize(
    "result",
    [
        json.dumps([0] * RESULT_VALUES_MAX),
        json.dumps({"a": [[0] * (RESULT_VALUES_MAX // 2)] * 2}),
        json.dumps([{"a": []}] * (RESULT_VALUES_MAX // 2)),
        nested(RESULT_DEPTH_MAX + 1, "0"),
        nested(RESULT_DEPTH_MAX + 1, "{}"),
    ],
)
def test_a_result_of_more_values_or_deeper_is_refused(result: str) -> None:
    with pytest.raises(BadReport, match="nested more than 64 deep, or has more than 100000 values"):
        read_report(reported(result), SandboxLimits())
