"""What could somebody send who means harm, or whose program is wrong?"""

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

HEADERS: dict[bytes, bytes] = {}
CHAT: dict[str, Any] = {
    "model": "balanced",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "I am anna@example.com"}], "name": "anna"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"id": "7"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "4111 1111 1111 1111"},
    ],
    "temperature": 1,
    "top_p": 0.5,
    "max_tokens": 10,
    "max_completion_tokens": 10,
    "n": 1,
    "stream": False,
    "stream_options": {"include_usage": True},
    "stop": ["x"],
    "seed": 7,
    "user": "u",
    "logit_bias": {"1": 2},
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
    ],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "metadata": {"a": "b"},
    "store": False,
    "prediction": None,
    "service_tier": "auto",
}
EMBEDDINGS: dict[str, Any] = {
    "model": "embeddings",
    "input": ["a", "bb"],
    "encoding_format": "float",
    "dimensions": 3,
    "user": "u",
}
_NAMES = (
    *("x-hil-entity", "x-hil-workflow", "x-hil-execution", "x-hil-node", "x-hil-conversation", "x-hil-cache"),
    *("x-hil-knowledge-version", "x-hil-locale", "x-hil-timeout-ms", "traceparent"),
)


def _nested(levels: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


_NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2, 10**9, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 1e308, -1e308, 5e-324, 0.5]),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(["", " ", "\x00", "\n", "\r\nx: y", "\u202e", "é" * 5_000, "x" * 20_000, "[EMAIL_1]", "auto", "*"]),
)
_NAMED = st.sampled_from(["type", "function", "name", "content", "role", "text", "$ref", "schema", "enum", "a"])
_DEEP = st.builds(
    _nested, st.sampled_from([2, 50, 190, 199, 210, 253, 260, 500, 600]), st.sampled_from(["list", "dict"])
)
_PLAIN = st.none() | st.booleans() | _NUMBERS | _TEXTS
ODD = st.one_of(
    _PLAIN,
    _DEEP,
    st.recursive(
        _PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMED | _TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every part of a value."""
    parts = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [at, *(place for name, part in parts for place in _places(part, (*at, name)))]


def _changed(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    """The value with another part at a place."""
    if not place:
        return odd
    name, *rest = place
    if isinstance(value, dict):
        return {**value, name: _changed(value[name], tuple(rest), odd)}
    return [_changed(part, tuple(rest), odd) if index == name else part for index, part in enumerate(value)]


def _odd(whole: dict[str, Any]) -> SearchStrategy[Any]:
    changed = st.builds(_changed, st.just(whole), st.sampled_from(_places(whole)), ODD)
    unknown = st.builds(lambda name, odd: {**whole, name: odd}, _TEXTS, ODD)
    missing = st.sampled_from(sorted(whole)).map(lambda name: {key: whole[key] for key in whole if key != name})
    return st.one_of(changed, changed, changed, unknown, missing)


def odd_chats() -> SearchStrategy[Any]:
    """A chat that is right but for one part."""
    return _odd(CHAT)


def odd_embeddings() -> SearchStrategy[Any]:
    """A request for vectors that is right but for one part."""
    return _odd(EMBEDDINGS)


_HARD = (
    *(
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"model"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"model": NaN}',
        b'{"model": -Infinity}',
    ),
    *(b'{"a": 1e999}', b'{"a": -1e999}', b'{"a": ' + b"9" * 5_000 + b"}", b'{"a": "\\ud800"}', b'{"a": "\\x"}'),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 1_000 + b"]" * 1_000, b'{"model": "a", "model": 7, "messages": []}'),
    b'{"model": "m", "messages": [{"role": "user", "content": "x", "content": 7}], "n": 1e999}',
    b'{"model": "m", "messages": [{"role": "user", "content": "\xff\xff"}]}',
    b'{"model": "m", "input": "\xc0\xaf"}',
)


def broken_texts() -> SearchStrategy[bytes]:
    """Bytes that are no JSON, or hardly."""
    whole = json.dumps(CHAT).encode()
    cut = st.integers(0, len(whole)).map(lambda end: whole[:end])
    spoiled = st.builds(
        lambda at, put: whole[:at] + put + whole[at + len(put) :],
        st.integers(0, len(whole)),
        st.sampled_from([b"\x00", b"\xff", b'"', b"\\", b"{", b"]", b",", b":", b"NaN", b"1e999", b"-", b"\\ud83d"]),
    )
    return st.one_of(st.sampled_from(_HARD), cut, spoiled, spoiled, st.binary(max_size=60))


def odd_headers() -> SearchStrategy[dict[bytes, bytes]]:
    """Headers as a server may hand them on: any byte but those that end a line."""
    values = st.one_of(
        st.binary(max_size=40).map(lambda value: value.replace(b"\n", b"").replace(b"\r", b"")),
        st.sampled_from(
            [b"", b"x" * 129, b"x" * 60_000, b"\x00", b"\xff", b"1", b"600001", b"-1", b"1e3", b"1_0", b"*"]
        ),
        st.sampled_from(
            [b"exact", b"exact; ttl=1", b"exact; ttl=", b"semantic;ttl=99999999", b"exact;x=1", b"off;", b";"]
        ),
        st.integers(-(10**30), 10**30).map(lambda number: str(number).encode()),
    )
    return st.dictionaries(st.sampled_from([name.encode() for name in _NAMES]), values, max_size=4)
