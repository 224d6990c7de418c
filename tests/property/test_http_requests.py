"""Is whatever comes over HTTP either a call that can be made or a refusal that says what to mend?

10,000 requests here, the same in every run; `FUZZ_TIMES=20 make test ARGS="-k http_requests"` plays 200,000."""

import json
import os
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.odd_requests import HEADERS, broken_texts, odd_chats, odd_embeddings, odd_headers

from llm_gateway.adapters.api_keys import KeyEntry
from llm_gateway.api.errors import Refused
from llm_gateway.api.read_request import Asked, read_chat, read_embeddings
from llm_gateway.domain.answer import Answer, CalledTool
from llm_gateway.domain.cache_key import lookup_for
from llm_gateway.domain.call import Call
from llm_gateway.domain.check_answer import check_answer
from llm_gateway.domain.count_tokens import count_tokens
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.need import need_of
from llm_gateway.handlers.masking import mask_body

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
CALLER = KeyEntry(name="k", sha256="0" * 64, tenant="acme", scopes=frozenset({"chat", "embeddings"}))
Read = Callable[[bytes, dict[bytes, bytes], KeyEntry, str], Asked]


def many(cases: int) -> settings:
    unhealthy = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
    return settings(
        max_examples=cases * TIMES, deadline=None, derandomize=True, database=None, suppress_health_check=unhealthy
    )


def is_answered(read: Read, content: bytes, headers: dict[bytes, bytes] = HEADERS) -> None:
    try:
        asked = read(content, headers, CALLER, "req_1")
    except Refused as refused:
        said = json.loads(refused.error.body)["error"]
        assert 400 <= refused.error.status < 500
        assert said["param"] and said["message"].startswith(f"{said['param']}: ")
        assert len(said["message"]) < 1_000
    else:
        can_be_made(asked.call)


def can_be_made(call: Call) -> None:
    """All that happens to a request before and after its model is asked."""
    masked = mask_body(call.body, secret=b"s", partition=call.partition)
    assert not isinstance(masked, Failure) or masked.detail
    body = call.body if isinstance(masked, Failure) else masked.body
    orjson.dumps({"model": "m", "max_tokens": 1, **body})
    need_of(body, tokens_input=count_tokens(body, None).tokens, output_tokens_max=call.output_tokens_max)
    lookup_for(call, body, {})
    check_answer(Answer("m", text="{}"), call.expected)
    named = tuple(CalledTool("c", name, '{"id": [1, "x"]}') for name in call.offered.by_offered_name)[:3]
    check_answer(Answer("m", tool_calls=named), call.expected)


@many(4_000)
@given(odd_chats())
def test_a_chat_with_one_odd_part_is_made_or_refused(body: Any) -> None:
    is_answered(read_chat, json.dumps(body).encode())


@many(2_000)
@given(odd_embeddings())
def test_texts_with_one_odd_part_are_made_or_refused(body: Any) -> None:
    is_answered(read_embeddings, json.dumps(body).encode())


@many(2_500)
@given(broken_texts(), st.sampled_from([read_chat, read_embeddings]))
def test_what_is_hardly_json_is_made_or_refused(content: bytes, read: Read) -> None:
    is_answered(read, content)


@many(1_500)
@given(odd_headers())
def test_odd_headers_are_made_or_refused(headers: dict[bytes, bytes]) -> None:
    is_answered(read_chat, b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}', headers)
