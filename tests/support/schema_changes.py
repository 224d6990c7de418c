"""Which changes between two JSON Schemas of a message would break somebody who has the old one?"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
NO_LARGER = ("minLength", "minimum", "minItems", "exclusiveMinimum")
NO_SMALLER = ("maxLength", "maximum", "maxItems", "maxProperties", "exclusiveMaximum")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """One line for each; additions of optional fields are none."""
    return list(_compare("body", _Side(old, old), _Side(new, new)))


class _Side:
    """One of the two schemas at some place in it, with references followed."""

    def __init__(self, whole: Schema, here: object) -> None:
        self.whole = whole
        node = here if isinstance(here, dict) else {}
        while "$ref" in node:
            node = whole["$defs"][node["$ref"].removeprefix("#/$defs/")]
        self.node: Schema = node

    def at(self, here: object) -> "_Side":
        return _Side(self.whole, here)


def _compare(place: str, old: _Side, new: _Side) -> Iterator[str]:
    yield from _kind(place, old.node, new.node)
    yield from _limits(place, old.node, new.node)
    yield from _fields(place, old, new)
    for word in ("items", "additionalProperties"):
        if isinstance(old.node.get(word), dict) and isinstance(new.node.get(word), dict):
            yield from _compare(f"{place}.{word}", old.at(old.node[word]), new.at(new.node[word]))
    for number, (one, other) in enumerate(zip(old.node.get("anyOf", []), new.node.get("anyOf", []), strict=False)):
        yield from _compare(f"{place}|{number}", old.at(one), new.at(other))


def _kind(place: str, old: Schema, new: Schema) -> Iterator[str]:
    if old.get("type") != new.get("type") or len(old.get("anyOf", [])) != len(new.get("anyOf", [])):
        yield f"{place}: changed type"
    if old.get("enum") != new.get("enum") or old.get("const") != new.get("const"):
        yield f"{place}: changed the values of a closed set"
    if old.get("pii") != new.get("pii") and old.get("pii"):
        yield f"{place}: lost its pii mark"


def _limits(place: str, old: Schema, new: Schema) -> Iterator[str]:
    for word in NO_LARGER:
        if word in new and new[word] > old.get(word, float("-inf")):
            yield f"{place}: {word} was raised"
    for word in NO_SMALLER:
        if word in new and new[word] < old.get(word, float("inf")):
            yield f"{place}: {word} was lowered"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{place}: changed pattern"


def _fields(place: str, old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.node.get("properties", {}), new.node.get("properties", {})
    for name in set(new.node.get("required", [])) - set(old.node.get("required", [])):
        yield f"{place}.{name}: is required now"
    for name, field in before.items():
        if name not in after:
            yield f"{place}.{name}: was removed"
            continue
        if "default" in field and field["default"] != after[name].get("default"):
            yield f"{place}.{name}: changed its default"
        yield from _compare(f"{place}.{name}", old.at(field), new.at(after[name]))
