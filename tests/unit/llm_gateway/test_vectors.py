"""Is a vector written as it was asked for?"""

import pytest
from pydantic import JsonValue

from llm_gateway.api.errors import Refused
from llm_gateway.api.vectors import as_asked

ONE_AND_A_HALF = "AAAAPwAAgD8="


def test_a_vector_is_turned_into_what_was_asked_for_and_else_left_alone() -> None:
    assert as_asked([0.5, 1], "base64") == ONE_AND_A_HALF
    assert as_asked(ONE_AND_A_HALF, "base64") == ONE_AND_A_HALF
    for asked in ("float", None):
        assert as_asked(ONE_AND_A_HALF, asked) == [0.5, 1.0]
        assert as_asked([0.1, 1], asked) == [0.1, 1]


@pytest.mark.parametrize(
    ("vector", "asked"),
    [(None, "float"), ({}, "base64"), (["x"], "base64"), ([1e300], "base64"), ("AAAA", "float"), ("!", "float")],
)
def test_what_is_no_vector_is_the_providers_fault(vector: JsonValue, asked: str) -> None:
    with pytest.raises(Refused) as refused:
        as_asked(vector, asked)
    assert (refused.value.error.status, refused.value.error.code) == (502, "provider_error")
