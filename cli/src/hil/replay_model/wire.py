"""How does an answer look on the wire: one JSON body, or server-sent chunks?

Token counts are an estimate, a quarter of the characters rounded up: near enough to test budgets with, and said so.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from hil.replay_model.answers import Reply
from hil.replay_model.request import ChatRequest

_CHARACTERS_PER_TOKEN = 4
_PIECE_CHARACTERS = 24
Body = dict[str, JsonValue]


def completion_body(request: ChatRequest, reply: Reply, *, model: str, created: int) -> Body:
    """A `chat.completion` object."""
    message: Body = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = _calls(reply)
    return {
        **_head(request, "chat.completion", model=model, created=created),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}],
        "usage": usage(request, reply),
    }


def completion_events(request: ChatRequest, reply: Reply, *, model: str, created: int) -> Iterator[bytes]:
    """The same as server-sent events, `[DONE]` at the end."""
    head = _head(request, "chat.completion.chunk", model=model, created=created)
    for delta in _deltas(reply):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish(reply)}]})
    if request.includes_usage:
        yield _event({**head, "choices": [], "usage": usage(request, reply)})
    yield b"data: [DONE]\n\n"


def error_body(status: int, message: str) -> Body:
    """The error object of the OpenAI API."""
    kind = "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def usage(request: ChatRequest, reply: Reply) -> Body:
    """Estimated token counts."""
    prompt = _tokens("".join(message.model_dump_json(exclude_defaults=True) for message in request.messages))
    answer = _tokens(reply.text + "".join(call.name + call.arguments for call in reply.tool_calls))
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _head(request: ChatRequest, kind: str, *, model: str, created: int) -> Body:
    digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": kind,
        "created": created,
        "model": model,
        "system_fingerprint": "replayed",
    }


def within_limit(request: ChatRequest, reply: Reply) -> Reply:
    """The reply, its text no longer than `max_tokens`: as a real model stops there."""
    if request.max_tokens is None or _tokens(reply.text) <= request.max_tokens:
        return reply
    return replace(reply, text=reply.text[: request.max_tokens * _CHARACTERS_PER_TOKEN], cut=True)


def _finish(reply: Reply) -> str:
    if reply.tool_calls:
        return "tool_calls"
    return "length" if reply.cut else "stop"


def _calls(reply: Reply) -> list[JsonValue]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.tool_calls
    ]


def _deltas(reply: Reply) -> Iterator[Body]:
    yield {"role": "assistant", "content": ""}
    for piece in _pieces(reply.text):
        yield {"content": piece}
    for index, call in enumerate(reply.tool_calls):
        function: Body = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
        for piece in _pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS))


def _event(body: Body) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"
