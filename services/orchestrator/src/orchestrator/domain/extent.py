"""How large is a JSON value: characters, values, depth?"""

import json
from dataclasses import dataclass

from orchestrator.domain.workflow import JsonValue


@dataclass(frozen=True, slots=True)
class Extent:
    """`values` counts every scalar, list and object; `depth` of a scalar is 0."""

    characters: int
    values: int
    depth: int

    def beside(self, other: "Extent") -> "Extent":
        """Of two values together."""
        characters, values = self.characters + other.characters, self.values + other.values
        return Extent(characters, values, max(self.depth, other.depth))

    def __str__(self) -> str:
        return f"{self.characters} characters, {self.values} values, {self.depth} deep"


def extent_of(value: JsonValue) -> Extent:
    """Works level by level, so that no nesting can exhaust the stack of Python."""
    level, values, depth = [value], 0, -1
    while level:
        depth += 1
        values += len(level)
        level = [inner for one in level for inner in _inner(one)]
    return Extent(len(json.dumps(value, ensure_ascii=False)), values, depth)


def _inner(value: JsonValue) -> list[JsonValue]:
    match value:
        case list():
            return value
        case dict():
            return list(value.values())
        case _:
            return []
