"""How many tokens will a provider count in this request?"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import orjson
from pydantic import JsonValue

from llm_gateway.domain.chat_body import Body
from llm_gateway.domain.cost import estimated_tokens

# What OpenAI adds to the texts themselves: 3 a message and 3 for the answer's start, one more for a name
# (OpenAI cookbook, "How to count tokens with tiktoken").
_TOKENS_PER_MESSAGE, _TOKENS_PER_REQUEST = 3, 3
# Tools and schemas are rewritten by providers in ways they do not publish: their JSON, and a tenth more.
_SCHEMA_PERCENT = 110
# OpenAI's dearest image at high detail: 8 tiles of 170 and 85 (its vision guide).
_TOKENS_PER_IMAGE = 1_445
_MEMO_TEXT_CHARACTERS_MAX = 16_384
# The library refuses a million; where a text is cut, one token may become two.
_PIECE_CHARACTERS_MAX = 200_000
KNOWN_ENCODINGS = frozenset({"o200k_base", "cl100k_base"})


@dataclass(frozen=True, slots=True)
class TokenCount:
    """`exact`: counted with the model's own vocabulary; else estimated from bytes, rather too many."""

    tokens: int
    exact: bool


def count_tokens(body: Body, encoding: str | None) -> TokenCount:
    """Input tokens of a request: 28 µs a kB where the vocabulary is known, and nothing for texts counted before."""
    if encoding is None:
        return TokenCount(estimated_tokens(len(orjson.dumps(body))), exact=False)
    tokens = _TOKENS_PER_REQUEST
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            tokens += _TOKENS_PER_MESSAGE + _of_message(message, encoding)
    for schema in (body.get("tools"), body.get("response_format")):
        if schema is not None:
            tokens += -(-_of_text(orjson.dumps(schema).decode(), encoding) * _SCHEMA_PERCENT // 100)
    return TokenCount(tokens + _of_input(body.get("input"), encoding), exact=True)


def load_vocabulary(encoding: str | None) -> None:
    """Before the first call needs it."""
    if encoding is not None:
        _of_text("", encoding)


def _of_message(message: Mapping[str, JsonValue], encoding: str) -> int:
    tokens = 0
    for name, value in message.items():
        if isinstance(value, str):
            tokens += 1 if name == "role" else _of_text(value, encoding) + (name == "name")
        elif isinstance(value, list):
            tokens += sum(_of_part(part, encoding) for part in value)
        elif value is not None:
            tokens += _of_part(value, encoding)
    return tokens


def _of_part(part: JsonValue, encoding: str) -> int:
    if isinstance(part, dict) and part.get("type") == "text":
        return _of_text(str(part.get("text", "")), encoding)
    if isinstance(part, dict) and part.get("type") == "image_url":
        return _TOKENS_PER_IMAGE
    return _of_text(orjson.dumps(part).decode(), encoding)


def _of_input(given: JsonValue, encoding: str) -> int:
    """The texts of an embedding; lists of numbers are tokens already."""
    if isinstance(given, str):
        return _of_text(given, encoding)
    return (
        sum(_of_input(one, encoding) if isinstance(one, str | list) else 1 for one in given)
        if isinstance(given, list)
        else 0
    )


def _of_text(text: str, encoding: str) -> int:
    if len(text) <= _MEMO_TEXT_CHARACTERS_MAX:
        return _remembered(text, encoding)
    pieces = (text[at : at + _PIECE_CHARACTERS_MAX] for at in range(0, len(text), _PIECE_CHARACTERS_MAX))
    return sum(len(_vocabulary(encoding).encode_ordinary(piece)) for piece in pieces)


@lru_cache(maxsize=4_096)
def _remembered(text: str, encoding: str) -> int:
    return len(_vocabulary(encoding).encode_ordinary(text))


class _Vocabulary(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...


@lru_cache(maxsize=8)
def _vocabulary(encoding: str) -> _Vocabulary:
    """Loading takes most of a second, which a gateway whose models have no known vocabulary is spared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # The library's own, of how it reads its files.
        import bpe_openai  # noqa: PLC0415

        vocabulary: _Vocabulary = bpe_openai.get_encoding(encoding)
    return vocabulary
