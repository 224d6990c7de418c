"""What does a request over HTTP ask for, and is it right?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.tool_calls import ToolDescription
from llm_gateway.adapters.api_keys import KeyEntry
from llm_gateway.api.errors import BadRequest, shown
from llm_gateway.api.read_headers import cache_policy_of, header_of, timeout_seconds_of
from llm_gateway.domain.call import NO_TOOLS, Call
from llm_gateway.domain.check_answer import check_schema
from llm_gateway.domain.tool_names import OfferedTools

Object = dict[str, JsonValue]
MESSAGES_MAX, TOOLS_MAX, TEXTS_MAX = 2_000, 256, 2_048
# orjson writes 254 levels, and what a provider gets has a few more around it.
DEPTH_MAX = 200
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_OUR_OWN = ("model", "max_tokens", "max_completion_tokens", "stream", "metadata", "store", "n")
_COSTS_EXTRA = ("audio", "modalities", "web_search_options", "prediction", "best_of", "service_tier")

_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "seed": ((int,), "a whole number"),
    "stop": ((str, list), "a text or a list of texts"),
    "logprobs": ((bool,), "true or false"),
    "parallel_tool_calls": ((bool,), "true or false"),
    "user": ((str,), "a text"),
    "tool_choice": ((str, dict), "none, auto, required or an object"),
    "logit_bias": ((dict,), "an object"),
    "metadata": ((dict,), "an object"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, and whether its answer is streamed."""

    call: Call
    stream: bool = False


def read_chat(content: bytes, headers: Mapping[bytes, bytes], caller: KeyEntry, request_id: str) -> Asked:
    """A chat completion. Raises BadRequest."""
    body = _object(content)
    profile = _text(body, "model", characters_max=200)
    messages = body.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MESSAGES_MAX:
        raise BadRequest("messages", f"must be a list of 1 to {MESSAGES_MAX} messages")
    for number, message in enumerate(messages):
        _check_message(message, f"messages[{number}]")
    for name in _COSTS_EXTRA:
        if body.get(name) not in (None, "auto", "default", ["text"]):
            raise BadRequest(name, "is not supported: it costs extra, and no cap could be kept; leave it out")
    if body.get("n") not in (None, 1):
        raise BadRequest("n", f"is {shown(body['n'])}; only 1 answer a request is supported")
    _check_number(body, "temperature", 0, 2)
    _check_number(body, "top_p", 0, 1)
    _check_number(body, "top_logprobs", 0, 20)
    _check_number(body, "frequency_penalty", -2, 2)
    _check_number(body, "presence_penalty", -2, 2)
    _check_kinds(body)
    call = _call(
        caller,
        headers,
        request_id,
        profile=profile,
        body={name: value for name, value in body.items() if name not in _OUR_OWN},
        wanted=_Wanted(_output_schema(body), _offered(body), _output_tokens(body)),
    )
    return Asked(call, _flag(body, "stream"))


def read_embeddings(content: bytes, headers: Mapping[bytes, bytes], caller: KeyEntry, request_id: str) -> Asked:
    """Vectors of texts. Raises BadRequest."""
    body = _object(content)
    profile = _text(body, "model", characters_max=200)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= TEXTS_MAX:
        raise BadRequest("input", f"must be a text or a list of 1 to {TEXTS_MAX} texts")
    if not all(isinstance(text, str) and text for text in texts):
        raise BadRequest("input", "every text must be a string with at least one character; tokens are not accepted")
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise BadRequest("encoding_format", f"is {shown(body['encoding_format'])}; use float or base64")
    _check_number(body, "dimensions", 1, 10_000)
    kept = {name: body[name] for name in ("encoding_format", "dimensions") if body.get(name) is not None}
    return Asked(_call(caller, headers, request_id, profile=profile, body={"input": list(texts), **kept}))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the answer is to be like."""

    output_schema: Object | None = None
    offered: OfferedTools = NO_TOOLS
    output_tokens_max: int | None = None


def _call(
    caller: KeyEntry,
    headers: Mapping[bytes, bytes],
    request_id: str,
    *,
    profile: str,
    body: Object,
    wanted: _Wanted = _Wanted(),
) -> Call:
    entity = caller.entity or header_of(headers, b"x-hil-entity")
    execution = header_of(headers, b"x-hil-execution")
    conversation = header_of(headers, b"x-hil-conversation") or execution or request_id
    return Call(
        request_id=request_id,
        source="http",
        tenant=caller.tenant,
        profile=profile,
        body=body,
        partition=f"{caller.tenant}/{conversation}",
        timeout_seconds=timeout_seconds_of(headers),
        entity=entity,
        workflow=caller.workflow or header_of(headers, b"x-hil-workflow"),
        execution_id=execution,
        node=header_of(headers, b"x-hil-node"),
        output_tokens_max=wanted.output_tokens_max,
        output_schema=wanted.output_schema,
        offered=wanted.offered,
        cache=cache_policy_of(headers),
    )


def _object(content: bytes) -> Object:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest("body", f"is not JSON: {str(error)[:200]}") from error
    if not isinstance(body, dict):
        raise BadRequest("body", "must be a JSON object")
    if content.count(b"[") + content.count(b"{") > DEPTH_MAX and _is_deeper(body, DEPTH_MAX):
        raise BadRequest("body", f"is nested over the limit of {DEPTH_MAX} levels; flatten it")
    return body


def _is_deeper(value: JsonValue, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        children = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for part in children for child in part if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _text(body: Object, name: str, *, characters_max: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= characters_max:
        raise BadRequest(name, f"must be a string of 1 to {characters_max} characters")
    return value


def _check_message(message: JsonValue, place: str) -> None:
    if not isinstance(message, dict):
        raise BadRequest(place, "must be an object with role and content")
    if message.get("role") not in _ROLES:
        raise BadRequest(f"{place}.role", f"is {shown(message.get('role'))}; use one of: {', '.join(_ROLES)}")
    content = message.get("content")
    if not isinstance(content, str | list | None):
        raise BadRequest(f"{place}.content", "must be a string, a list of parts or null")
    if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
        raise BadRequest(f"{place}.content", "every part must be an object with a type")
    calls = message.get("tool_calls")
    if calls is not None and not (isinstance(calls, list) and all(isinstance(call, dict) for call in calls)):
        raise BadRequest(f"{place}.tool_calls", "must be a list of objects")


def _check_number(body: Object, name: str, least: float, most: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(name, f"is {shown(value)}; must be a number from {least:g} to {most:g}")


def _check_kinds(body: Object) -> None:
    for name, (kinds, called) in _KINDS.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise BadRequest(name, f"is {shown(value)}; must be {called}")


def _flag(body: Object, name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise BadRequest(name, f"is {shown(value)}; must be true or false")
    options = body.get("stream_options")
    if not isinstance(options, dict | None):
        raise BadRequest("stream_options", "must be an object")
    return bool(value)


def _output_tokens(body: Object) -> int | None:
    limits = []
    for name in ("max_tokens", "max_completion_tokens"):
        _check_number(body, name, 1, 10_000_000)
        value = body.get(name)
        if value is not None:
            if not isinstance(value, int):
                raise BadRequest(name, f"is {shown(value)}; must be a whole number")
            limits.append(value)
    return min(limits) if limits else None


def _output_schema(body: Object) -> Object | None:
    response_format = body.get("response_format")
    if response_format is None:
        return None
    if not isinstance(response_format, dict) or response_format.get("type") not in (
        "text",
        "json_object",
        "json_schema",
    ):
        raise BadRequest("response_format", "must be an object whose type is text, json_object or json_schema")
    if response_format["type"] != "json_schema":
        return None
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest("response_format.json_schema.schema", "must be a JSON Schema")
    failure = check_schema(schema)
    if failure is not None:
        raise BadRequest("response_format.json_schema.schema", failure.detail)
    return schema


def _offered(body: Object) -> OfferedTools:
    tools = body.get("tools")
    if tools is None:
        return NO_TOOLS
    if not isinstance(tools, list) or len(tools) > TOOLS_MAX:
        raise BadRequest("tools", f"must be a list of at most {TOOLS_MAX} tools")
    by_name: dict[str, ToolDescription] = {}
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise BadRequest(f"tools[{number}]", "must be {type: function, function: {name, …}}")
        parameters = function.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise BadRequest(f"tools[{number}].function.parameters", "must be a JSON Schema")
        by_name[name] = ToolDescription.model_construct(name=name, input_schema=parameters)
    return OfferedTools(by_name)


Read = Callable[[bytes, Mapping[bytes, bytes], KeyEntry, str], Asked]
