"""What of a JSON value is personal because its schema says so, whatever it looks like?"""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from pydantic import JsonValue

from pii.mask import DEPTH_MAX, Masker, MaskingFailed

Schema = Mapping[str, JsonValue]
_FIELD = "field"
_KINDS = frozenset({"name", "email", "phone", "address"})
"""What `pii` may say instead of `true`; it becomes the first word of the placeholder."""
_PARTS_MAX = 256
"""Schemas that speak of one value: what a schema refers to and is made of. More are refused, not left out."""
_ONE_OF_THESE = ("if", "then", "else")
_ALL_OF_THESE = ("anyOf", "oneOf", "allOf")
_OF_ITEMS = ("items", "contains", "unevaluatedItems")
_OF_OTHERS = ("additionalProperties", "unevaluatedProperties")


def mask_by_schema(value: JsonValue, schema: Schema, masker: Masker) -> JsonValue:
    """Fields that the schema marks `"pii": true` (or `"pii": "name"`) are masked whole, every text and number in them;
    all other texts by what is found in them. A mark counts wherever a schema might apply, so that rather too much is
    masked. Raises MaskingFailed, also for a schema whose references cannot be followed."""
    return _masked(value, (schema,), root=schema, masker=masker)


def _masked(
    value: JsonValue, schemas: tuple[Schema, ...], *, root: Schema, masker: Masker, label: str = "", depth: int = 0
) -> JsonValue:
    if depth > DEPTH_MAX:
        raise MaskingFailed(f"nested deeper than {DEPTH_MAX}")
    parts = tuple(_parts(schemas, root))
    if kind := next((_kind(part["pii"]) for part in parts if part.get("pii")), None):
        return _whole(value, kind, masker, depth)
    if isinstance(value, dict):
        return {
            masker.mask(name): _masked(
                one, _of_property(parts, name), root=root, masker=masker, label=name, depth=depth + 1
            )
            for name, one in value.items()
        }
    if isinstance(value, list):
        items = _of_items(parts)
        return [_masked(one, items, root=root, masker=masker, label=label, depth=depth + 1) for one in value]
    return masker.mask_json(value, label=label)


def _whole(value: JsonValue, kind: str, masker: Masker, depth: int) -> JsonValue:
    if depth > DEPTH_MAX:
        raise MaskingFailed(f"nested deeper than {DEPTH_MAX}")
    if isinstance(value, dict):
        return {masker.mask(name): _whole(one, kind, masker, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one, kind, masker, depth + 1) for one in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    return masker.mask_whole(str(value), kind)


def _parts(schemas: tuple[Schema, ...], root: Schema) -> Iterator[Schema]:
    """The schemas themselves, what they refer to, and what they are made of; each once."""
    waiting, seen = list(schemas), set[int]()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        if len(seen) >= _PARTS_MAX:
            raise MaskingFailed(f"more than {_PARTS_MAX} schemas speak of one value")
        seen.add(id(part))
        yield part
        waiting += [_target(part[word], root) for word in ("$ref", "$dynamicRef") if word in part]
        waiting += [one for word in _ONE_OF_THESE if isinstance(one := part.get(word), dict)]
        for word in _ALL_OF_THESE:
            waiting += _schemas_in(part.get(word))
        waiting += _schemas_in(part.get("dependentSchemas"))


def _schemas_in(several: JsonValue) -> list[Schema]:
    """A list or mapping of schemas; true and false say nothing of personal data."""
    found = several.values() if isinstance(several, dict) else several if isinstance(several, list) else ()
    return [one for one in found if isinstance(one, dict)]


def _target(reference: JsonValue, root: Schema) -> Schema:
    """What `#`, `#/a/b` or `#anchor` means."""
    if reference == "#":
        return root
    if isinstance(reference, str) and reference.startswith("#"):
        place = unquote(reference[1:])
        found: JsonValue = dict(root) if place.startswith("/") else _anchored(place, root)
        for step in place.split("/")[1:]:
            found = _step(found, step.replace("~1", "/").replace("~0", "~"))
        if isinstance(found, bool):
            return {}
        if isinstance(found, dict):
            return found
    raise MaskingFailed("the schema has a $ref that cannot be followed")


def _step(found: JsonValue, step: str) -> JsonValue:
    if isinstance(found, dict):
        return found.get(step)
    if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
        return found[int(step)]
    return None


def _anchored(name: str, root: Schema) -> JsonValue:
    waiting: list[JsonValue] = [dict(root)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if name in (one.get("$anchor"), one.get("$dynamicAnchor")):
                return one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return None


def _of_items(parts: tuple[Schema, ...]) -> tuple[Schema, ...]:
    single = [one for part in parts for word in _OF_ITEMS if isinstance(one := part.get(word), dict)]
    return (*single, *(one for part in parts for one in _schemas_in(part.get("prefixItems"))))


def _of_property(parts: tuple[Schema, ...], name: str) -> tuple[Schema, ...]:
    found = list[Schema]()
    for part in parts:
        properties = part.get("properties")
        described = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(described, dict):
            found.append(described)
        else:
            found += [one for word in _OF_OTHERS if isinstance(one := part.get(word), dict)]
        found += _schemas_in(part.get("patternProperties"))  # Whichever pattern fits: none is tried on a name.
    return tuple(found)


def _kind(mark: JsonValue) -> str:
    return mark if isinstance(mark, str) and mark in _KINDS else _FIELD
