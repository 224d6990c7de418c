"""What is the plainest value that a JSON Schema accepts?"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

Schema = Mapping[str, JsonValue]
_DEPTH_MAX = 12
_NUMBER = 0.9
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "customer@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def in_format(schema: Schema | None, text: str) -> str:
    """The text itself, or where a schema is asked for, JSON with the text in its strings."""
    return text if schema is None else json.dumps(fill(schema, text), ensure_ascii=False)


def fill(schema: Schema, text: str) -> JsonValue:
    """Always the same value: const, default, first enum value; 0.9, 1 and false where allowed; `text` in strings."""
    return _fill(schema, text, root=schema, depth=0)


def _fill(schema: Schema, text: str, *, root: Schema, depth: int) -> JsonValue:
    schema = _resolved(schema, root)
    choices = schema.get("enum")
    fixed = [schema[keyword] for keyword in ("const", "default") if keyword in schema]
    fixed += choices[:1] if isinstance(choices, list) else []
    if fixed or depth > _DEPTH_MAX:
        return fixed[0] if fixed else None
    match _type_of(schema):
        case "object":
            return _object(schema, text, root=root, depth=depth)
        case "array":
            return _array(schema, text, root=root, depth=depth)
        case "string":
            return _string(schema, text)
        case kind:
            return _scalar(schema, kind)


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(_DEPTH_MAX):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            schema = _pointed_at(root, reference)
            continue
        branches = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not isinstance(branches, list) or not branches or not isinstance(branches[0], dict):
            break
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf")}
        schema = {**outer, **branches[0]}
    return schema


def _pointed_at(root: Schema, reference: str) -> Schema:
    here: JsonValue = dict(root)
    for step in reference.removeprefix("#/").split("/"):
        here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def _type_of(schema: Schema) -> JsonValue:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    return kind or ("object" if "properties" in schema else "string")


def _object(schema: Schema, text: str, *, root: Schema, depth: int) -> JsonValue:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: _fill(part if isinstance(part, dict) else {}, text, root=root, depth=depth + 1)
        for name, part in properties.items()
    }


def _array(schema: Schema, text: str, *, root: Schema, depth: int) -> JsonValue:
    count, part = schema.get("minItems", 0), schema.get("items")
    part = part if isinstance(part, dict) else {}
    return [_fill(part, text, root=root, depth=depth + 1) for _ in range(count if isinstance(count, int) else 0)]


def _string(schema: Schema, text: str) -> str:
    if (known := _FORMATS.get(str(schema.get("format")))) is not None:
        return known
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    padded = text.ljust(shortest if isinstance(shortest, int) else 0, ".")
    return padded[:longest] if isinstance(longest, int) else padded


def _scalar(schema: Schema, kind: JsonValue) -> JsonValue:
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    value: float = 1 if kind == "integer" else _NUMBER
    low, high = schema.get("minimum"), schema.get("maximum")
    value = max(value, low) if isinstance(low, int | float) else value
    value = min(value, high) if isinstance(high, int | float) else value
    return int(value) if kind == "integer" else value
