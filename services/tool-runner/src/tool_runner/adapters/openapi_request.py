"""What is sent for a call of an operation, so that no argument gets beyond the place that is its own?"""

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlencode

import orjson
from pydantic import JsonValue

from tool_runner.adapters.openapi_operations import BODY, Operation, Parameter
from tool_runner.domain.manifest import Json

ADDRESS_CHARACTERS_MAX = 16_000
"""Servers take 8,000 to 16,000; the client breaks at 65,536."""


class Refused(Exception):
    """An argument cannot be sent; the text names it, and not its value."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request without the installation's and the caller's headers."""

    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def prepared(operation: Operation, arguments: Json, *, base_url: str) -> Prepared:
    """Raises Refused."""
    path, query, headers = operation.path, list[tuple[str, str]](), dict[str, str]()
    for parameter in operation.parameters:
        if parameter.argument not in arguments:
            continue
        value = arguments[parameter.argument]
        match parameter.where:
            case "path":
                path = path.replace("{" + parameter.name + "}", _segment(parameter, value))
            case "query":
                query += _pairs(parameter, value, operation)
            case "header":
                headers[parameter.name.lower()] = _line(parameter, value)
    if "{" in path:
        raise Refused("an argument of the path is missing")
    body = b""
    if BODY in arguments:
        body, headers["content-type"] = orjson.dumps(arguments[BODY]), "application/json"
    return Prepared(operation.method, _address(base_url.rstrip("/") + path, query), headers, body)


def _address(place: str, query: list[tuple[str, str]]) -> str:
    url = place + (f"?{urlencode(query)}" if query else "")
    if (length := len(url)) > ADDRESS_CHARACTERS_MAX:
        raise Refused(f"the arguments make an address of {length} characters, over {ADDRESS_CHARACTERS_MAX}; say less")
    return url


def _segment(parameter: Parameter, value: JsonValue) -> str:
    """One part of the path. Servers and proxies decode it at different times, some twice: so dots are looked for
    after each."""
    text = _text(parameter, value)
    seen = text
    for _ in range(3):
        if not seen or {".", ".."} & set(seen.replace("\\", "/").split("/")) or any(ord(one) < 32 for one in seen):
            raise Refused(f"{parameter.argument} cannot be a part of a path")
        seen = unquote(seen)
    return quote(text, safe="")


def _pairs(parameter: Parameter, value: JsonValue, operation: Operation) -> list[tuple[str, str]]:
    """An object's names must not pass for those of other arguments: grants and approvals looked at these."""
    if isinstance(value, list) and not parameter.joined:
        return [(parameter.name, _text(parameter, one)) for one in value]
    if isinstance(value, dict):
        names = {name: f"{parameter.name}[{name}]" if parameter.deep else name for name in value}
        others = {one.name for one in operation.parameters if one.where == "query"} - {parameter.name}
        if taken := others.intersection(names.values()):
            raise Refused(f"{parameter.argument} cannot hold {min(taken)[:80]!r}, which is an argument of its own")
        return [(names[name], _text(parameter, one)) for name, one in value.items()]
    return [(parameter.name, _text(parameter, value))]


def _line(parameter: Parameter, value: JsonValue) -> str:
    text = _text(parameter, value)
    if not text.isascii() or not text.isprintable():
        raise Refused(f"{parameter.argument} cannot be a header: it is one line of plain ASCII")
    return text


def _text(parameter: Parameter, value: JsonValue) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return orjson.dumps(value).decode()
        case list():
            return ",".join(_text(parameter, one) for one in value)
        case None:
            return ""
    raise Refused(f"{parameter.argument} cannot be an object there")
