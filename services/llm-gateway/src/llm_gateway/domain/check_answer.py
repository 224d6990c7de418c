"""Is an answer what was asked for: tool calls that can be made, or output that fits its schema?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from contracts.completions import ToolCallRequest
from json_schema import BoundedSchema, SchemaUnusable, bounded_schema
from llm_gateway.domain.answer import Answer
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.tool_names import OfferedTools

_PROBLEM_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for. `must_say_something`: an answer without text and without calls is none."""

    offered: OfferedTools
    output_schema: Mapping[str, JsonValue] | None = None
    must_say_something: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """`output` is the parsed answer where an output schema was asked for and no tool was called."""

    tool_calls: tuple[ToolCallRequest, ...] = ()
    output: JsonValue = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an answer, in words for the model; it may hold parts of the answer."""

    text: str


def check_schema(schema: Mapping[str, JsonValue] | None) -> Failure | None:
    """Whether the output schema itself can be used. References to other documents are refused, not fetched, and so is
    what could take ages to be compared with an answer."""
    try:
        _compiled(_canonical(schema)) if schema is not None else None
    except (SchemaUnusable, RecursionError) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)[:_PROBLEM_CHARACTERS_MAX]
        return Failure(ErrorClass.INVALID_REQUEST, f"output_schema cannot be used: {first_line}")
    return None


def check_answer(answer: Answer, expected: Expected) -> Checked | Problem:
    """The usable parts of the answer, or the first thing that is wrong with it."""
    if answer.tool_calls:
        return _checked_calls(answer, expected.offered)
    if expected.output_schema is None:
        silent = expected.must_say_something and not answer.text.strip()
        return Problem("it is empty") if silent else Checked()
    try:
        output: JsonValue = json.loads(answer.text)
    except ValueError as error:
        return Problem(f"it is not JSON ({error})")
    violation = _violation(expected.output_schema, output)
    return Checked(output=output) if violation is None else Problem(violation)


def _checked_calls(answer: Answer, offered: OfferedTools) -> Checked | Problem:
    calls: list[ToolCallRequest] = []
    for call in answer.tool_calls:
        tool = offered.tool_named(call.name)
        if tool is None:
            known = ", ".join(offered.by_offered_name) or "none"
            return Problem(f"there is no tool {call.name[:80]!r}; the tools are: {known}")
        arguments = _object(call.arguments)
        if arguments is None:
            return Problem(f"the arguments of the call of {call.name} are not a JSON object")
        if violation := _violation(tool.input_schema, arguments) if tool.input_schema else None:
            return Problem(f"the arguments of the call of {call.name} do not fit: {violation}")
        calls.append(ToolCallRequest(tool_call_id=call.id, tool=tool.name, arguments=arguments))
    return Checked(tool_calls=tuple(calls))


def _violation(schema: Mapping[str, JsonValue], value: JsonValue) -> str | None:
    """The first thing that does not fit. A schema that cannot be used is its owner's trouble, not the answer's."""
    try:
        compiled = _compiled(_canonical(schema))
    except SchemaUnusable:
        return None
    found = next(compiled.iter_errors(value), None)
    if found is None:
        return None
    place = "/".join(map(str, found.instance_path)) or "the whole"
    return f"{place}: {found.message[:_PROBLEM_CHARACTERS_MAX]}"


def _object(text: str) -> dict[str, JsonValue] | None:
    try:
        parsed: JsonValue = json.loads(text or "{}")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _canonical(schema: Mapping[str, JsonValue]) -> str:
    return json.dumps(schema, sort_keys=True)


@lru_cache(maxsize=512)
def _compiled(schema: str) -> BoundedSchema:
    """The model is told its own values: it is to repair them."""
    return bounded_schema(json.loads(schema), mask=None)
