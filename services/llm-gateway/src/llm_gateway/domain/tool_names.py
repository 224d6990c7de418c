"""Under which names are tools offered, where providers allow only letters, digits, `_` and `-`?"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from contracts.tool_calls import ToolDescription

_NAME_CHARACTERS_MAX = 64
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class OfferedTools:
    """`by_offered_name` maps what the model says to the tool that is meant."""

    by_offered_name: Mapping[str, ToolDescription]

    def tool_named(self, said: str) -> ToolDescription | None:
        """The tool that a model means; models that repeat the real name are understood too."""
        named = self.by_offered_name.get(said)
        return named or next((tool for tool in self.by_offered_name.values() if tool.name == said), None)


def offered_name(tool: str) -> str:
    """`retail.get_order` is offered as `retail__get_order`."""
    return _FORBIDDEN.sub("_", tool.replace(".", "__"))[-_NAME_CHARACTERS_MAX:]


def offer(tools: Iterable[ToolDescription], patterns: Iterable[str]) -> tuple[OfferedTools, tuple[str, ...]]:
    """The tools that match, sorted by name, and the patterns that match none."""
    known = {tool.name: tool for tool in tools}
    matching = {pattern: _matching(known, pattern) for pattern in patterns}
    unmatched = tuple(pattern for pattern, names in matching.items() if not names)
    by_name: dict[str, ToolDescription] = {}
    for tool in sorted({one for names in matching.values() for one in names}):
        name, number = offered_name(tool), 2
        while name in by_name:
            suffix = f"_{number}"
            name, number = offered_name(tool)[: _NAME_CHARACTERS_MAX - len(suffix)] + suffix, number + 1
        by_name[name] = known[tool]
    return OfferedTools(by_name), unmatched


def _matching(known: Mapping[str, ToolDescription], pattern: str) -> tuple[str, ...]:
    """Of a catalogue of thousands, for every request: a whole name is looked up, a pattern is one expression."""
    return (pattern,) if pattern in known else tuple(filter(_expression(pattern).match, known))


@lru_cache(maxsize=1_000)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
