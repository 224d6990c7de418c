"""What does the body of a provider's answer say? Read by hand: the types of the SDK cost a third of a whole call."""

from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from llm_gateway.domain.answer import Answer, CalledTool, Embeddings, Trouble, Usage
from llm_gateway.domain.failure import ErrorClass

Object = Mapping[str, JsonValue]


class UnreadableAnswer(Exception):
    """The body is not what it should be. It may have been paid for."""

    def __init__(self, what: str, error_class: ErrorClass = ErrorClass.PROVIDER_ERROR) -> None:
        super().__init__(what)
        self.trouble = Trouble(error_class, what, may_have_cost=True)


def read_answer(content: bytes, headers: Mapping[str, str]) -> Answer:
    """A chat completion. Raises UnreadableAnswer, which never quotes it."""
    body = _body(content)
    choice = _first(body, "choices")
    message = choice.get("message")
    if not isinstance(message, dict):
        raise UnreadableAnswer("answer cannot be read: choices[0].message is not an object")
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        raise UnreadableAnswer("the provider filtered the answer", ErrorClass.CONTENT_FILTERED)
    text = message.get("content") or message.get("refusal") or ""
    if not isinstance(text, str):
        raise UnreadableAnswer("answer cannot be read: content is not a text")
    model = body.get("model")
    return Answer(
        model=model if isinstance(model, str) else "",
        text=text,
        tool_calls=_calls(message),
        finish_reason=reason if isinstance(reason, str) else "stop",
        usage=read_usage(body),
        replayed=headers.get("x-hil-replayed") == "true" or body.get("system_fingerprint") == "replayed",
        raw=body,
    )


def read_embeddings(content: bytes, _: Mapping[str, str]) -> Embeddings:
    """Vectors in the order of their inputs. Raises UnreadableAnswer."""
    body = _body(content)
    listed = body.get("data")
    if not isinstance(listed, list) or not all(isinstance(one, dict) and "embedding" in one for one in listed):
        raise UnreadableAnswer("answer cannot be read: data is not a list of embeddings")
    indexed = [one for one in listed if isinstance(one, dict)]
    indexed.sort(key=lambda one: _count(one.get("index")))
    return Embeddings(tuple(one["embedding"] for one in indexed), read_usage(body))


def read_usage(body: Object) -> Usage | None:
    """The tokens that a body speaks of; None where it does not, or not in numbers."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    tokens_input, tokens_output = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    if not isinstance(tokens_input, int) or not isinstance(tokens_output, int) or min(tokens_input, tokens_output) < 0:
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(tokens_input, min(cached, tokens_input), tokens_output)


def _body(content: bytes) -> dict[str, JsonValue]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer("answer cannot be read: it is not JSON") from error
    if not isinstance(body, dict) or body.get("error"):
        raise UnreadableAnswer("answer cannot be read: it is an error in the dress of an answer")
    return body


def _first(body: Object, name: str) -> dict[str, JsonValue]:
    listed = body.get(name)
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
        raise UnreadableAnswer(f"answer cannot be read: {name} is empty")
    return listed[0]


def _calls(message: Object) -> tuple[CalledTool, ...]:
    calls = message.get("tool_calls")
    return tuple(_call(call) for call in calls) if isinstance(calls, list) else ()


def _call(call: JsonValue) -> CalledTool:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise UnreadableAnswer("answer cannot be read: a tool call without a function")
    identity, name, arguments = call.get("id"), function.get("name"), function.get("arguments", "")
    if not isinstance(identity, str) or not isinstance(name, str) or not isinstance(arguments, str):
        raise UnreadableAnswer("answer cannot be read: a tool call without id, name or arguments")
    return CalledTool(identity, name, arguments)


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) and value > 0 else 0
