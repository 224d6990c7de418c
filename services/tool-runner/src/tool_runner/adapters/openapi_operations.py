"""Which operations does an OpenAPI 3 document describe, and with which arguments are they called?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import structlog
from pydantic import JsonValue

from tool_runner.adapters.openapi_schema import NotUsable, json_schema, resolved
from tool_runner.domain.manifest import Json, ListedTool

log = structlog.get_logger()

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
BODY = "body"
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@{}%-]*)+\Z")
_OWNED = frozenset({"accept", "content-type", "authorization", "host", "content-length", "transfer-encoding"})
"""Headers that no argument sets: the client's own, and the caller's credentials."""

Where = Literal["path", "query", "header"]
PLACES: tuple[Where, ...] = ("path", "query", "header")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation. `joined`: a list is one value with commas, not one each."""

    argument: str
    name: str
    where: Where
    joined: bool
    deep: bool
    schema: dict[str, JsonValue]
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as a tool."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    tool: ListedTool


def operations_of(document: Json, *, reserved_headers: frozenset[str]) -> dict[str, Operation]:
    """By the name of the tool. What cannot be called is left out with a line in the log. `reserved_headers` are set
    by the installation, never by an argument."""
    found: dict[str, Operation] = {}
    for method, path, shared, one in _described(document):
        try:
            operation = _operation(document, (method, path), (shared, one), reserved_headers)
        except NotUsable as problem:
            log.warning("openapi.not_offered", method=method, path=path[:200], reason=str(problem)[:300])
            continue
        if operation.tool.name in found:
            log.warning("openapi.named_twice", tool=operation.tool.name)
            continue
        found[operation.tool.name] = operation
    return found


def _described(document: Json) -> Iterator[tuple[str, str, JsonValue, dict[str, JsonValue]]]:
    paths = document.get("paths")
    for path, entry in (paths if isinstance(paths, dict) else {}).items():
        for method in METHODS:
            one = entry.get(method) if isinstance(entry, dict) else None
            if isinstance(entry, dict) and isinstance(one, dict):
                yield method, path, entry.get("parameters", []), one


def _operation(
    document: Json, place: tuple[str, str], said: tuple[JsonValue, dict[str, JsonValue]], reserved: frozenset[str]
) -> Operation:
    (method, path), (shared, one) = place, said
    if not _PATH.match(path) or {".", ".."} & set(path.split("/")):
        raise NotUsable("its path is none")
    parameters = _parameters(document, shared, one.get("parameters", []), reserved)
    in_path = {parameter.name for parameter in parameters if parameter.where == "path"}
    if in_path != set(re.findall(r"\{([^{}]*)\}", path)):
        raise NotUsable("the parameters of its path are not those that it describes")
    body, needs_body = _body(document, one)
    properties: dict[str, JsonValue] = {parameter.argument: dict(parameter.schema) for parameter in parameters}
    required: list[JsonValue] = [parameter.argument for parameter in parameters if parameter.required]
    if body is not None:
        properties[BODY] = body
        required += [BODY] if needs_body else []
    words = one.get("description") or one.get("summary") or ""
    tool = ListedTool(
        name=_name(one.get("operationId"), method, path),
        description=words if isinstance(words, str) else "",
        input_schema=_closed(properties, required),
        output_schema=None,
    )
    return Operation(method.upper(), path, parameters, tool)


def _closed(properties: dict[str, JsonValue], required: list[JsonValue]) -> dict[str, JsonValue]:
    """An object of these properties and no other, with the definitions of all of them at its root."""
    definitions: dict[str, JsonValue] = {}
    for schema in properties.values():
        inner = schema.pop("$defs", None) if isinstance(schema, dict) else None
        definitions.update(inner if isinstance(inner, dict) else {})
    whole: dict[str, JsonValue] = {"type": "object", "properties": properties, "required": required}
    return {**whole, "additionalProperties": False, **({"$defs": definitions} if definitions else {})}


def _name(operation_id: JsonValue, method: str, path: str) -> str:
    text = operation_id if isinstance(operation_id, str) and operation_id else f"{method}_{path}"
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:128]


def _parameters(document: Json, shared: JsonValue, own: JsonValue, reserved: frozenset[str]) -> tuple[Parameter, ...]:
    """Those of the operation over those of its path."""
    found: dict[tuple[str, str], dict[str, JsonValue]] = {}
    for part in (shared, own):
        for entry in part if isinstance(part, list) else []:
            one = resolved(document, entry)
            found[str(one.get("in")), str(one.get("name"))] = one
    names = [name for _, name in found]
    parameters = []
    for (where, name), one in found.items():
        if where == "header" and name.lower() in _OWNED | reserved:
            continue
        if where == "cookie":
            if one.get("required"):
                raise NotUsable(f"it needs the cookie {name[:80]!r}")
            continue
        argument = name if names.count(name) == 1 and name != BODY else f"{where}_{name}"
        parameters.append(_parameter(document, one, argument))
    return tuple(parameters)


def _parameter(document: Json, one: dict[str, JsonValue], argument: str) -> Parameter:
    name, style = str(one.get("name")), one.get("style")
    where = next((known for known in PLACES if known == one.get("in")), None)
    if where is None or not name.isascii() or not name.isprintable():
        raise NotUsable(f"its parameter {name[:80]!r} is none")
    if where == "header" and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
        raise NotUsable(f"its header {name[:80]!r} is none")
    if "schema" not in one or (style not in (None, "simple", "form", "deepObject")):
        raise NotUsable(f"its parameter {name[:80]!r} is written in a way that is not known here")
    schema = json_schema(document, one["schema"])
    words = one.get("description")
    explode = one.get("explode", where == "query")
    return Parameter(
        argument=argument,
        name=name,
        where=where,
        joined=not explode,
        deep=style == "deepObject",
        schema={"description": words, **schema} if isinstance(words, str) else schema,
        required=where == "path" or one.get("required") is True,
    )


def _body(document: Json, one: dict[str, JsonValue]) -> tuple[JsonValue, bool]:
    """Its schema, None without a body, and whether there must be one."""
    if "requestBody" not in one:
        return None, False
    body = resolved(document, one["requestBody"])
    content = body.get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    if not isinstance(media, dict):
        if body.get("required") is True:
            raise NotUsable("its body is not JSON")
        return None, False
    return json_schema(document, media.get("schema", {})), body.get("required") is True
