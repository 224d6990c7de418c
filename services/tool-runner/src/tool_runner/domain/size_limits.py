"""Are arguments or a result within the limits of size, depth and number, before any schema looks at them?"""

import math
from dataclasses import dataclass

from pydantic import JsonValue

INTEGER_MAX = 2**63
"""Beyond it JSON readers disagree about the value."""


RESULT_DEPTH_MAX, RESULT_VALUES_MAX = 64, 100_000
"""Of a tool's result, whichever tool it is."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bounds of one JSON value. `characters_max` counts texts and names together."""

    depth_max: int
    values_max: int
    characters_max: int


def beyond_limits(whole: JsonValue, limits: SizeLimits) -> str | None:
    """Which limit the value breaks; never by recursion, and no further than to the first one."""
    values, characters = 0, 0
    waiting: list[tuple[JsonValue, int]] = [(whole, 1)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        characters += _characters(value)
        if values > limits.values_max:
            return f"more than {limits.values_max} values"
        if characters > limits.characters_max:
            return f"more than {limits.characters_max} characters"
        if depth > limits.depth_max:
            return f"nested more than {limits.depth_max} deep"
        if broken := _broken_number(value):
            return broken
        waiting.extend((child, depth + 1) for child in _children(value))
    return None


def _characters(value: JsonValue) -> int:
    if isinstance(value, dict):
        return sum(map(len, value))
    return len(value) if isinstance(value, str) else 0


def _broken_number(value: JsonValue) -> str | None:
    if isinstance(value, int) and abs(value) >= INTEGER_MAX:
        return "an integer of more than 63 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    return None


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
