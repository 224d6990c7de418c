"""What does a YAML file hold, and on which line is each part of it?"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHARACTERS_MAX = 2_000_000
DEPTH_MAX = 40

Place = tuple[str | int, ...]


class ManifestError(Exception):
    """The manifest cannot be used; the text names file, line, field and reason, one line each."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A file that was read. `values` is what it holds."""

    path: Path
    text: str
    root: yaml.Node
    values: Any

    def complaint(self, place: Place, text: str) -> str:
        """`file:line: field: text`, with servers by their names."""
        where = ".".join(self._words(place)) or "file"
        return f"{self.path}:{self.line_of(place)}: {where}: {text}"

    def line_of(self, place: Place) -> int:
        """The line of a field, or of the innermost part around it that exists."""
        node, line = self.root, int(self.root.start_mark.line) + 1
        for part in place:
            found = _child(node, part)
            if found is None:
                return line
            line, node = found
        return line

    def _words(self, place: Place) -> list[str]:
        words, value = [], self.values
        for part in place:
            value = _value(value, part)
            named = value.get("name") if isinstance(part, int) and isinstance(value, dict) else None
            words.append(str(named or part)[:100])
        return words


def read_lines(path: Path) -> Lines:
    """Raises ManifestError. Aliases are refused, so that a file is as large as it looks; so are keys that are there
    twice, of which YAML would take the last in silence."""
    try:
        text = path.read_text("utf-8")
        if len(text) > CHARACTERS_MAX:
            raise ManifestError(f"{path}: {len(text)} characters are over the limit of {CHARACTERS_MAX}")
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ManifestError(f"{path}:1: file: is empty; write `servers: []` if there are no tools")
            return Lines(path, text, root, loader.construct_document(root))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = 1 if mark is None else mark.line + 1
        raise ManifestError(f"{path}:{line}: file: {error.problem or error.context}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from error


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names[:20]) or 'none'}"


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not read; write it out", mark)
        if self.depth >= DEPTH_MAX:
            raise yaml.MarkedYAMLError(None, None, f"nested more than {DEPTH_MAX} deep", mark)
        self.depth += 1
        try:
            node = super().compose_node(parent, index)
        finally:
            self.depth -= 1
        _refuse_repeated(node)
        return node


def _refuse_repeated(node: yaml.Node | None) -> None:
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(None, None, "a key must be a plain word", key.start_mark)
        if key.value in seen:
            raise yaml.MarkedYAMLError(None, None, f"{key.value!r} is there twice", key.start_mark)
        seen.add(key.value)


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        return None if found is None else (int(found[0].start_mark.line) + 1, found[1])
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return int(node.value[part].start_mark.line) + 1, node.value[part]
    return None


def _value(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
