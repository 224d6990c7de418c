"""Where do the references inside a JSON Schema lead?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urldefrag, urljoin

from pydantic import JsonValue

Schema = Mapping[str, JsonValue]

OBJECTS_MAX = 5_000
_DRAFTS = ("https://json-schema.org/draft", "http://json-schema.org/draft")
_BOOLEAN: Schema = {}
"""`true` or `false`: no work."""
_ANCHORS = ("$anchor", "$dynamicAnchor")


class SchemaTooCostly(Exception):
    """The schema is not used; the text names what and the limit."""


@dataclass(slots=True)
class References:
    """The addresses in one document. Where two schemas claim one address, both are meant: rather too much."""

    _bases: dict[int, str] = field(default_factory=dict)
    _resources: dict[str, list[Schema]] = field(default_factory=dict)
    _anchors: dict[str, list[Schema]] = field(default_factory=dict)
    _dynamic: dict[str, list[Schema]] = field(default_factory=dict)

    def targets(self, schema: Schema, word: str) -> list[Schema]:
        """Of `$ref`, `$dynamicRef` or `$recursiveRef`; none for the schemas of the drafts themselves, which the
        validator brings. Raises SchemaTooCostly for what cannot be followed."""
        reference, base = str(schema[word]), self._bases.get(id(schema), "")
        address, fragment = urldefrag(base + reference if reference.startswith("#") else urljoin(base, reference))
        name = unquote(fragment)
        found = list(self._anchors.get(f"{address}#{name}", ()))
        if not name or name.startswith("/"):
            found += [one for root in self._resources.get(address, ()) if isinstance(one := _at(root, name), Mapping)]
        if word != "$ref":
            found += self._dynamic.get(name, ())
        if not found and self._is_boolean(address, name):
            return [_BOOLEAN]
        if not found and not address.startswith(_DRAFTS):
            raise SchemaTooCostly(f"its {word} to {reference[:80]!r} cannot be followed")
        return found

    def _is_boolean(self, address: str, name: str) -> bool:
        return any(isinstance(_at(root, name), bool) for root in self._resources.get(address, ()))

    def note(self, schema: Schema, base: str) -> str:
        """The address that counts inside."""
        own = schema.get("$id", schema.get("id"))
        inside, fragment = urldefrag(urljoin(base, own)) if isinstance(own, str) else (base, "")
        self._bases[id(schema)] = inside
        if inside != base or not self._resources:
            self._resources.setdefault(inside, []).append(schema)
        if fragment:  # An anchor, as older drafts write it.
            self._anchors.setdefault(f"{inside}#{fragment}", []).append(schema)
        for word in _ANCHORS:
            if isinstance(anchor := schema.get(word), str):
                self._anchors.setdefault(f"{inside}#{anchor}", []).append(schema)
        if isinstance(anchor := schema.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(anchor, []).append(schema)
        if schema.get("$recursiveAnchor") is True:
            self._dynamic.setdefault("", []).append(schema)
        return inside


def references_of(document: Schema) -> References:
    """Of every object of the document, whether it is used as a schema or not. Raises SchemaTooCostly."""
    found, count = References(), 0
    waiting: list[tuple[object, str]] = [(document, "")]
    while waiting:
        one, base = waiting.pop()
        if isinstance(one, Mapping):
            count += 1
            if count > OBJECTS_MAX:
                raise SchemaTooCostly(f"it has more than {OBJECTS_MAX} objects")
            inside = found.note(one, base)
            waiting += [(child, inside) for child in one.values()]
        elif isinstance(one, list):
            waiting += [(child, base) for child in one]
    return found


def _at(root: JsonValue | Schema, pointer: str) -> object:
    found: object = root
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
