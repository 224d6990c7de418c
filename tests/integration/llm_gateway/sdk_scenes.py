"""What do people do with a client of OpenAI's API, and what do they see then? One table for every client."""

from dataclasses import dataclass, field
from typing import Any, Literal

Does = Literal["chat", "stream", "parse", "embeddings", "models", "model"]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "parameters": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["intent"],
    "properties": {"intent": {"enum": ["refund", "other"]}},
    "additionalProperties": False,
}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "intent", "strict": True, "schema": SCHEMA}}


@dataclass(frozen=True, slots=True)
class Scene:
    """`sees` is what the caller sees; an expected usage of True only has to be there."""

    name: str
    does: Does
    body: dict[str, Any]
    sees: dict[str, Any]
    key: str = "all"
    headers: dict[str, str] = field(default_factory=dict)


def _ask(text: str = "plain", **fields: Any) -> dict[str, Any]:
    return {"model": "balanced", "messages": [{"role": "user", "content": text}], **fields}


def _said(text: str | None, finish: str = "stop", **fields: Any) -> dict[str, Any]:
    return {"text": text, "finish": finish, "calls": [], "usage": True, **fields}


def _error(status: int | None, code: str | None, kind: str = "invalid_request_error", param: str | None = None) -> Any:
    return {"error": {"status": status, "type": kind, "code": code, "param": param}}


_WITH_USAGE = {"stream_options": {"include_usage": True}}
_CALLED = [["get_order", '{"id": "7"}']]
_TEXTS = {"model": "embeddings", "input": ["a", "bbb"]}
_VECTORS = {"vectors": [[1.0], [3.0]], "usage": True}
_MASKED = "I am anna@example.com"
SCENES = (
    Scene("an answer", "chat", _ask(), _said("good day")),
    Scene("a streamed answer", "stream", _ask(), _said("good day", usage=None)),
    Scene("a streamed answer with usage", "stream", _ask(**_WITH_USAGE), _said("good day")),
    Scene("a tool call", "chat", _ask("tool", tools=[TOOL]), _said(None, "tool_calls", calls=_CALLED)),
    Scene(
        "a streamed tool call",
        "stream",
        _ask("tool", tools=[TOOL], **_WITH_USAGE),
        _said("", "tool_calls", calls=_CALLED),
    ),
    Scene("JSON by a schema", "chat", _ask("schema", response_format=AS_SCHEMA), _said('{"intent": "refund"}')),
    Scene("JSON parsed by the client", "parse", _ask("schema"), {"parsed": {"intent": "refund"}}),
    Scene("a masked value comes back", "chat", _ask(_MASKED), _said(_MASKED)),
    Scene("a masked value comes back in a stream", "stream", _ask(_MASKED), _said(_MASKED, usage=None)),
    Scene("vectors, in base64 on the wire", "embeddings", _TEXTS, _VECTORS),
    Scene("vectors, as numbers", "embeddings", {**_TEXTS, "encoding_format": "float"}, _VECTORS),
    Scene("the models", "models", {}, {"models": ["balanced", "embeddings", "first", "second", "vectors"]}),
    Scene("one model", "model", {"name": "balanced"}, {"model": "balanced"}),
    Scene("one model that is none", "model", {"name": "nobody"}, _error(404, "model_not_found")),
    Scene("a stop that is none", "chat", _ask(stop=5), _error(400, "invalid_value", param="stop")),
    Scene("a wrong key", "chat", _ask(), _error(401, "invalid_api_key"), key="wrong"),
    Scene("a key that may not", "chat", _ask(), _error(403, None, "permission_error"), key="models-only"),
    Scene("a wrong value", "chat", _ask(temperature=9), _error(400, "invalid_value", param="temperature")),
    Scene("an unknown model", "chat", _ask(model="nobody"), _error(404, "model_not_found")),
    Scene("a text that is too long", "chat", _ask("long " * 5_000), _error(400, "context_length_exceeded")),
    Scene("a body that is too large", "chat", _ask("x" * 9_000_000), _error(413, "body_too_large")),
    Scene(
        "a spent budget",
        "chat",
        _ask(),
        _error(429, "budget_exceeded", "insufficient_quota"),
        headers={"x-hil-entity": "poor"},
    ),
    Scene(
        "a spent budget, streamed",
        "stream",
        _ask(),
        _error(429, "budget_exceeded", "insufficient_quota"),
        headers={"x-hil-entity": "poor"},
    ),
    Scene("a provider that fails", "chat", _ask("broken"), _error(502, "provider_error", "api_error")),
    Scene("a stream that is cut", "stream", _ask("cut"), _error(None, "provider_error", "api_error")),
    Scene(
        "no answer in time",
        "chat",
        _ask("never"),
        _error(504, "timeout", "api_error"),
        headers={"x-hil-timeout-ms": "300"},
    ),
)
