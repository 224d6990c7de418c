"""How does a tree of plain values look as YAML, the same every time?

Scalars are written as JSON, which YAML 1.2 contains; so no YAML library is needed (contracts depend on pydantic alone).
"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

INDENT = "  "


def yaml_text(tree: Mapping[str, JsonValue]) -> str:
    """Block style, keys in the order of the tree, ending with a newline."""
    return "\n".join(_mapping(tree, "")) + "\n"


def _mapping(tree: Mapping[str, JsonValue], indent: str) -> list[str]:
    lines: list[str] = []
    for name, value in tree.items():
        lines += _entry(f"{indent}{_key(name)}:", value, indent + INDENT)
    return lines


def _entry(head: str, value: JsonValue, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [head, *_mapping(value, indent)]
    if isinstance(value, list) and value:
        return [head, *(line for element in value for line in _element(element, indent))]
    return [f"{head} {json.dumps(value, ensure_ascii=False)}"]


def _element(value: JsonValue, indent: str) -> list[str]:
    """One element of a list: its first line takes the dash in place of its indentation."""
    if not isinstance(value, dict) or not value:
        return [f"{indent}- {json.dumps(value, ensure_ascii=False)}"]
    lines = _mapping(value, indent + INDENT)
    return [f"{indent}- {lines[0].lstrip()}", *lines[1:]]


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "").replace(".", "").replace("$", "")
    return name if plain.isalpha() else json.dumps(name)
