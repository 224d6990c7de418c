"""Has a file the fields and types of the format, and if not, which mistakes can be named at which place?"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from orchestrator.adapters.workflow_file.read_yaml import Document
from orchestrator.adapters.workflow_file.report import Path, Report, did_you_mean
from orchestrator.adapters.workflow_file.schema import WORKFLOW_SCHEMA
from orchestrator.domain.workflow import JsonValue

_VALIDATOR: Final = jsonschema_rs.Draft202012Validator(WORKFLOW_SCHEMA, offline=True)
_TYPE_NAMES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def keep_what_fits(document: Document) -> dict[str, JsonValue]:
    """Report every mistake of structure; the result holds what is left without them, so that the checks of meaning can
    go on. An item of a list becomes None, for the places of its neighbours to stay right."""
    kept = deepcopy(document.value)
    for error in _VALIDATOR.iter_errors(document.value):
        path: Path = tuple(error.instance_path)
        _explain(error, path, document.report)
        for spoilt in _spoilt(error.kind, path):
            _take_out(kept, spoilt)
    return kept


def _explain(error: jsonschema_rs.ValidationError, path: Path, report: Report) -> None:
    schema = _schema_at(error.schema_path[:-1])
    match error.kind:
        case Kind.AdditionalProperties(unexpected=names):
            for name in names:
                report.add((*path, name), f"unknown field `{name}`", did_you_mean(name, _properties(schema)))
        case Kind.Required(property=name):
            report.add(path, f"`{name}` is missing", _description(_properties(schema)[name]))
        case Kind.Enum(options=options):
            known = [str(option) for option in options]
            message = f"`{_name(path)}` cannot be {_shown(error.instance)}; it is one of {', '.join(known)}"
            near = did_you_mean(str(error.instance), known)
            report.add(path, message, near if near.startswith("did") else _description(schema))
        case _:
            report.add(path, _message(error, schema, _name(path)), _description(schema))


def _message(error: jsonschema_rs.ValidationError, schema: JsonValue, name: str) -> str:
    match error.kind:
        case Kind.Type():
            return f"`{name}` is {_expected(schema)}, not {_shown(error.instance)}"
        case Kind.Minimum(limit=limit):
            return f"`{name}` of {_shown(error.instance)} is below the least, {limit}"
        case Kind.Maximum(limit=limit):
            return f"`{name}` of {_shown(error.instance)} is above the most, {limit}"
        case Kind.Pattern():
            return f"`{name}` cannot be {_shown(error.instance)}"
        case _:
            return f"`{name}`: {error.message:.200}"


def _name(path: Path) -> str:
    """The nearest field: `tools` for tools[3]."""
    return next((part for part in reversed(path) if isinstance(part, str)), "the file")


def _spoilt(kind: Kind, path: Path) -> Iterator[Path]:
    if isinstance(kind, Kind.AdditionalProperties):
        yield from ((*path, name) for name in kind.unexpected)
    elif not isinstance(kind, Kind.Required):
        yield path


def _take_out(kept: JsonValue, path: Path) -> None:
    for part in path[:-1]:
        kept = _inner(kept, part)
    match kept, path[-1]:
        case dict(), str() as key:
            kept.pop(key, None)
        case list(), int() as index:
            kept[index] = None
        case _:  # what holds it has been taken out before
            pass


def _inner(value: JsonValue, part: str | int) -> JsonValue:
    if isinstance(value, dict):
        return value.get(str(part))
    return value[part] if isinstance(value, list) and isinstance(part, int) else None


def _schema_at(path: list[str | int]) -> JsonValue:
    schema: JsonValue = WORKFLOW_SCHEMA
    for part in path:
        schema = _inner(schema, part)
    return schema


def _properties(schema: JsonValue) -> dict[str, JsonValue]:
    properties = _inner(schema, "properties")
    return properties if isinstance(properties, dict) else {}


def _description(schema: JsonValue) -> str:
    if isinstance(reference := _inner(schema, "$ref"), str):
        schema = _schema_at(list(reference.split("/")[1:]))
    return str(_inner(schema, "description") or "")


def _expected(schema: JsonValue) -> str:
    types = _inner(schema, "type")
    return " or ".join(_TYPE_NAMES[str(name)] for name in (types if isinstance(types, list) else [types]))


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return f"`{value:.60}`"
        case _:
            return str(value)
