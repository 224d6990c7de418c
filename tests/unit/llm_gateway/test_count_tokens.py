"""Are tokens counted as OpenAI counts them, and rather too many where that is not known?"""

import pytest

from llm_gateway.domain.count_tokens import count_tokens, load_vocabulary
from llm_gateway.domain.need import need_of

HELLO = {"role": "user", "content": "hello world"}


def tokens(body: dict[str, object], encoding: str | None = "o200k_base") -> int:
    return count_tokens(body, encoding).tokens  # type: ignore[arg-type]


def test_a_message_is_its_text_its_role_and_three_and_a_request_three_more() -> None:
    load_vocabulary("o200k_base")
    load_vocabulary(None)
    assert tokens({"messages": [HELLO]}) == 3 + 3 + 1 + 2
    assert tokens({"messages": [{**HELLO, "name": "anna"}]}) == 3 + 3 + 1 + 2 + 1 + 1
    assert count_tokens({"messages": [HELLO]}, "o200k_base").exact


def test_without_a_vocabulary_every_three_bytes_are_one() -> None:
    found = count_tokens({"messages": [HELLO]}, None)  # type: ignore[dict-item]
    assert (found.exact, found.tokens) == (False, 18)


def test_tools_parts_images_and_long_texts_count() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert tokens({"messages": [HELLO], "tools": tools}) > tokens({"messages": [HELLO]}) + 10
    parts = [{"type": "text", "text": "hello world"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert tokens({"messages": [{"role": "user", "content": parts}]}) == 9 + 1_445
    audio = [{"type": "input_audio", "input_audio": {"data": "x"}}]
    assert tokens({"messages": [{"role": "user", "content": audio}]}) > 7
    assert tokens({"messages": [{"role": "user", "content": "hello " * 5_000}]}) >= 5_000
    called = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert tokens({"messages": [called]}) > tokens({"messages": [{"role": "assistant", "content": None}]}) + 5
    assert tokens({"messages": "none"}) == tokens({"messages": ["none"]}) == 3


@pytest.mark.parametrize(("given", "expected"), [("hello world", 5), (["hello", "world"], 5), ([1, 2, 3], 6), (7, 3)])
def test_texts_of_embeddings_count(given: object, expected: int) -> None:
    assert tokens({"input": given}) == expected


def test_a_request_shows_what_it_needs() -> None:
    image = {"role": "user", "content": [{"type": "image_url"}]}
    schema = {"type": "json_schema", "json_schema": {}}
    need = need_of(
        {"messages": [HELLO, image], "tools": [{}], "response_format": schema}, tokens_input=5, output_tokens_max=7
    )  # type: ignore[dict-item,list-item]
    assert (need.tools, need.json_schema, need.vision, need.tokens_input, need.tokens_output_max) == (True,) * 3 + (
        5,
        7,
    )
    plain = need_of({"messages": "x"}, tokens_input=1, output_tokens_max=None)
    assert (plain.tools, plain.json_schema, plain.vision) == (False, False, False)


def test_a_text_of_megabytes_is_counted_in_pieces() -> None:
    """The library itself refuses a million characters."""
    assert tokens({"messages": [{"role": "user", "content": "hello world " * 100_000}]}) == pytest.approx(
        200_000, rel=0.01
    )
