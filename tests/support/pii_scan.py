"""Where do secrets of a person stand: in files, in bytes, in fields of messages that are not marked for them?"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

Schema = Mapping[str, JsonValue]
Source = Path | bytes | str


def places_of(sources: Iterable[Source], secrets: Sequence[str]) -> list[str]:
    """`<source>: <secret>` for each secret that a file (or any file of a folder) or some bytes hold, plain
    or escaped as JSON."""
    wanted = {form: secret for secret in secrets for form in _forms(secret)}
    return sorted(
        {
            f"{name}: {secret}"
            for name, content in _contents(sources)
            for form, secret in wanted.items()
            if form in content
        }
    )


def assert_no_pii(sources: Iterable[Source], secrets: Sequence[str]) -> None:
    """Fails with the places."""
    found = places_of(sources, secrets)
    assert found == [], "\n".join(found)


def pii_outside_marked_fields(message_json: str | bytes, schema: Schema, secrets: Sequence[str]) -> list[str]:
    """`<path>: <secret>` for each secret in a field of the message that its schema does not mark `"pii": true`."""
    return [
        f"{path}: {secret}"
        for path, text in _unmarked_texts(json.loads(message_json), (schema,), schema)
        for secret in secrets
        if secret in text
    ]


def _forms(secret: str) -> set[bytes]:
    return {secret.encode(), json.dumps(secret)[1:-1].encode()}


def _contents(sources: Iterable[Source]) -> Iterator[tuple[str, bytes]]:
    for number, source in enumerate(sources):
        if isinstance(source, Path):
            files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
            yield from ((str(file), file.read_bytes()) for file in files)
        else:
            yield f"bytes {number}", source.encode() if isinstance(source, str) else source


def _unmarked_texts(
    value: JsonValue, schemas: tuple[Schema, ...], root: Schema, path: str = ""
) -> Iterator[tuple[str, str]]:
    """Every text of the value that stands outside marked fields, and every name of a field."""
    parts = list(_parts(schemas, root))
    if any(part.get("pii") for part in parts):
        return
    if isinstance(value, dict):
        for name, one in value.items():
            below = tuple(found for part in parts for found in _of_property(part, name))
            yield f"{path}.{name}".lstrip(".") + " (name)", name
            yield from _unmarked_texts(one, below, root, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        below = tuple(items for part in parts if isinstance(items := part.get("items"), dict))
        for number, one in enumerate(value):
            yield from _unmarked_texts(one, below, root, f"{path}[{number}]")
    else:
        yield path, str(value)


def _parts(schemas: tuple[Schema, ...], root: Schema) -> Iterator[Schema]:
    waiting, seen = list(schemas), list[Schema]()
    while waiting:
        part = waiting.pop()
        if any(part is other for other in seen):
            continue
        seen.append(part)
        yield part
        if isinstance(reference := part.get("$ref"), str):
            found: JsonValue = dict(root)
            for step in re.findall(r"[^#/]+", reference):
                found = found[step] if isinstance(found, dict) else None
            assert isinstance(found, dict), f"{reference} leads nowhere"
            waiting.append(found)
        for word in ("anyOf", "oneOf", "allOf"):
            if isinstance(several := part.get(word), list):
                waiting.extend(one for one in several if isinstance(one, dict))


def _of_property(part: Schema, name: str) -> Iterator[Schema]:
    properties, others = part.get("properties"), part.get("additionalProperties")
    if isinstance(properties, dict) and isinstance(described := properties.get(name), dict):
        yield described
    elif isinstance(others, dict):
        yield others
