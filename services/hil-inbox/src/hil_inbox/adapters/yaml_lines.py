"""What does a YAML file hold, and on which line is each part of it?"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHARACTERS_MAX = 1_000_000
Place = tuple[str | int, ...]


class FileUnusable(Exception):
    """The file cannot be used; the text names file, line, field and reason, one line each."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A file that was read. `values` is what it holds."""

    path: Path
    root: yaml.Node
    values: Any

    def complaint(self, place: Place, text: str) -> str:
        """`file:line: field: text`; the line is that of the innermost part that exists."""
        where = ".".join(str(part)[:100] for part in place) or "file"
        return f"{self.path}:{self._line_of(place)}: {where}: {text}"

    def _line_of(self, place: Place) -> int:
        node, line = self.root, int(self.root.start_mark.line) + 1
        for part in place:
            found = _child(node, part)
            if found is None:
                return line
            line, node = found
        return line


def read_lines(path: Path) -> Lines:
    """Raises FileUnusable; also for aliases, so that a file is as large as it looks, and for a key that is there twice,
    of which YAML would take the last in silence."""
    try:
        text = path.read_text("utf-8")
        if len(text) > CHARACTERS_MAX:
            raise FileUnusable(f"{path}: {len(text)} characters are over the limit of {CHARACTERS_MAX}")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise FileUnusable(f"{path}: aliases (*name) are not read; write it out")
        root = yaml.compose(text, yaml.SafeLoader)
        if root is None:
            raise FileUnusable(f"{path}:1: file: is empty")
        _refuse_repeated(path, root)
        return Lines(path, root, yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise FileUnusable(f"{path}:{line}: file: {error.problem or error.context}") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise FileUnusable(f"{path}: cannot be read: {error}") from error


def hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names[:20]) or 'none'}"


def _refuse_repeated(path: Path, node: yaml.Node) -> None:
    seen: set[str] = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        line = int(key.start_mark.line) + 1
        if not isinstance(key, yaml.ScalarNode):
            raise FileUnusable(f"{path}:{line}: a key must be a plain word")
        if key.value in seen:
            raise FileUnusable(f"{path}:{line}: {str(key.value)[:100]}: is there twice")
        seen.add(key.value)
        _refuse_repeated(path, value)
    for value in node.value if isinstance(node, yaml.SequenceNode) else ():
        _refuse_repeated(path, value)


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        return None if found is None else (int(found[0].start_mark.line) + 1, found[1])
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return int(node.value[part].start_mark.line) + 1, node.value[part]
    return None
