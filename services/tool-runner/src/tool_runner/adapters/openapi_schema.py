"""How does a schema of an OpenAPI 3 document become a JSON Schema of its own, and what may a document refer to?"""

from collections.abc import Iterator

from pydantic import JsonValue

from tool_runner.domain.manifest import Json

COMPONENTS = "#/components/schemas/"
DEFINITIONS_MAX = 200
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_ONE = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SPOKEN = frozenset({"nullable", "discriminator", "xml", "externalDocs", "example", "readOnly", "writeOnly"})
"""Words of OpenAPI that are none of JSON Schema, or no constraint."""


class NotUsable(Exception):
    """A document, or an operation of it, cannot be used; the text says why."""


def foreign_references(value: JsonValue) -> Iterator[str]:
    """References out of the document, to files and addresses."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#/"):
                yield reference
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def resolved(document: Json, value: JsonValue) -> dict[str, JsonValue]:
    """A part of the document, or what it refers to, for parts that are no schemas. Raises NotUsable."""
    for _ in range(10):
        if not isinstance(value, dict):
            raise NotUsable(f"{str(value)[:80]!r} stands where an object is due")
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        value = _at(document, reference)
    raise NotUsable("references go round in a circle")


def _at(document: Json, reference: str) -> JsonValue:
    found: JsonValue = dict(document)
    for step in reference.removeprefix("#/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        raise NotUsable(f"there is no {reference[:200]}")
    return found


def json_schema(document: Json, schema: JsonValue) -> dict[str, JsonValue]:
    """The schema with all that it refers to in `$defs`; of a 3.0 document in the words of Draft 2020-12."""
    waiting = [schema]
    definitions: dict[str, JsonValue] = {}
    whole = _converted(schema)
    while waiting:
        for name in _named(waiting.pop()):
            if name in definitions:
                continue
            if len(definitions) >= DEFINITIONS_MAX:
                raise NotUsable(f"a schema refers to more than {DEFINITIONS_MAX} others")
            target = _at(document, COMPONENTS + name)
            definitions[name] = _converted(target)
            waiting.append(target)
    if not isinstance(whole, dict):
        return {} if whole is not False else {"not": {}}
    return {**whole, "$defs": definitions} if definitions else whole


def _named(value: JsonValue) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str):
                if not reference.startswith(COMPONENTS):
                    raise NotUsable(f"a schema refers to {reference[:200]}, not to {COMPONENTS}…")
                yield reference.removeprefix(COMPONENTS)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _converted(schema: JsonValue) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    found = {word: _of_word(word, value) for word, value in schema.items() if word not in _SPOKEN}
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(bound), bool):  # As it was in 3.0.
            exclusive = found.pop(bound)
            if exclusive and limit in found:
                found[bound] = found.pop(limit)
    if schema.get("nullable") is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found


def _of_word(word: str, value: JsonValue) -> JsonValue:
    if word == "$ref" and isinstance(value, str):
        return value.replace(COMPONENTS, "#/$defs/", 1)
    if word in _BY_NAME and isinstance(value, dict):
        return {name: _converted(one) for name, one in value.items()}
    if word in _ONE:
        return _converted(value)
    if word in _SEVERAL and isinstance(value, list):
        return [_converted(one) for one in value]
    return value
