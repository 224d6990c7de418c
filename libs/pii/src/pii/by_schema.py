"""What of a JSON value is personal because its schema says so, whatever it looks like?"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from pii.mask import DEPTH_MAX, Masker, MaskingFailed

Schema = Mapping[str, JsonValue]
_FIELD = "field"
_KINDS = frozenset({"name", "email", "phone", "address"})
"""What `pii` may say instead of `true`; it becomes the first word of the placeholder."""
_REFERENCES_MAX = 32


def mask_by_schema(value: JsonValue, schema: Schema, masker: Masker) -> JsonValue:
    """Fields that the schema marks `"pii": true` (or `"pii": "name"`) are masked whole, every text in them; all other
    texts by what is found in them. Raises MaskingFailed."""
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
        items = tuple(items for part in parts if isinstance(items := part.get("items"), dict))
        return [_masked(one, items, root=root, masker=masker, label=label, depth=depth + 1) for one in value]
    return masker.mask_json(value, label=label)


def _whole(value: JsonValue, kind: str, masker: Masker, depth: int) -> JsonValue:
    if depth > DEPTH_MAX:
        raise MaskingFailed(f"nested deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        return masker.mask_whole(value, kind) if value else value
    if isinstance(value, dict):
        return {name: _whole(one, kind, masker, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one, kind, masker, depth + 1) for one in value]
    return masker.mask_json(value)


def _parts(schemas: tuple[Schema, ...], root: Schema) -> Iterator[Schema]:
    """The schemas themselves, what they refer to, and what they are made of."""
    waiting, seen = list(schemas), 0
    while waiting and seen < _REFERENCES_MAX:
        part = waiting.pop()
        seen += 1
        yield part
        if isinstance(reference := part.get("$ref"), str) and (target := _target(reference, root)) is not None:
            waiting.append(target)
        for word in ("anyOf", "oneOf", "allOf"):
            if isinstance(several := part.get(word), list):
                waiting.extend(one for one in several if isinstance(one, dict))


def _target(reference: str, root: Schema) -> Schema | None:
    found: JsonValue = dict(root)
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _of_property(parts: tuple[Schema, ...], name: str) -> tuple[Schema, ...]:
    found = []
    for part in parts:
        properties = part.get("properties")
        described = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(described, dict):
            described = part.get("additionalProperties")
        if isinstance(described, dict):
            found.append(described)
    return tuple(found)


def _kind(mark: JsonValue) -> str:
    return mark if isinstance(mark, str) and mark in _KINDS else _FIELD
