"""Which values does a YAML file hold, and on which line does each stand?"""

import math
from dataclasses import dataclass, field
from typing import Final

import yaml

from orchestrator.adapters.workflow_file.report import Path, Place, Report, show_path
from orchestrator.domain.workflow import JsonValue

BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 32
INTEGER_MAX: Final = 2**63 - 1

# `version: 1.10` is the text 1.10, not the number 1.1.
_ALWAYS_TEXT: Final[frozenset[Path]] = frozenset({("name",), ("version",)})
_START_HINT: Final = "start with `name:` and `version:`"
_ALIAS_HINT: Final = "write the value out; aliases can blow a small file up without limit"


class _Refused(yaml.MarkedYAMLError):
    """YAML that is well formed and that we do not read."""


class _Loader(yaml.SafeLoader):
    """Composes the node graph, without aliases and to a bounded depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            problem = "anchors and aliases are not allowed"
            raise _Refused(problem=problem, problem_mark=event.start_mark, note=_ALIAS_HINT)
        if self.depth >= DEPTH_MAX:
            raise _Refused(problem=f"nested more than {DEPTH_MAX} levels deep", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


@dataclass(slots=True)
class Document:
    """The values of one file; `report` knows their places and holds what was wrong on the way."""

    report: Report
    value: dict[str, JsonValue] = field(default_factory=dict)


def read_yaml(source: bytes, file_name: str) -> Document:
    """Read at most 256 KiB of UTF-8 YAML with one mapping in it; mistakes are in the document's report."""
    document = Document(Report(file_name))
    text = _decode(source, document.report)
    node, loader = _compose(text, document.report) if text is not None else (None, None)
    if node is None or loader is None:
        return document
    if not isinstance(node, yaml.MappingNode):
        document.report.add_at(_place(node), "a workflow file is a mapping of fields", _START_HINT)
        return document
    places: dict[Path, Place] = {(): _place(node)}
    document.report.places = places
    value = _Converter(loader, document.report, places).convert(node, ())
    assert isinstance(value, dict)
    document.value = value
    return document


def _decode(source: bytes, report: Report) -> str | None:
    if len(source) > BYTES_MAX:
        report.add_at(Place(1, 1), f"the file has {len(source)} bytes, at most {BYTES_MAX} are read")
        return None
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        before = source[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        report.add_at(place, f"byte 0x{source[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return None


def _compose(text: str, report: Report) -> tuple[yaml.Node | None, _Loader | None]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        report.add_at(place, f"the character U+{ord(text[error.position]):04X} is not allowed in YAML")
        return None, None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        report.add_at(place, error.problem or "not YAML", error.note or error.context or "")
        return None, None
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, an endless version number
        mark = loader.get_mark()
        report.add_at(Place(mark.line + 1, mark.column + 1), f"not YAML: {error}")
        return None, None
    if node is None:
        report.add_at(Place(1, 1), "the file is empty", _START_HINT)
    return node, loader


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


@dataclass(slots=True)
class _Converter:
    """Turns the node graph into JSON values and notes the place of every key and item."""

    loader: _Loader
    report: Report
    places: dict[Path, Place]

    def convert(self, node: yaml.Node, path: Path) -> JsonValue:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, JsonValue]:
        values: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.report.add_at(_place(key_node), "a key must be a plain text", path=path)
                continue
            key = self._text(key_node, path)
            inner = (*path, key)
            if key in values:
                first = self.places[inner].line
                self.report.add_at(_place(key_node), f"`{key}` is there twice", f"first on line {first}", path=inner)
                continue
            self.places[inner] = _place(key_node)
            values[key] = self.convert(value_node, inner)
        return values

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[JsonValue]:
        values: list[JsonValue] = []
        for index, item in enumerate(node.value):
            self.places[(*path, index)] = _place(item)
            values.append(self.convert(item, (*path, index)))
        return values

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> JsonValue:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if path in _ALWAYS_TEXT and kind != "null":
            return self._text(node, path)
        match kind:
            case "null":
                return None
            case "bool":
                return node.value.lower() in {"true", "yes", "on"}
            case "int" | "float":
                return self._number(node, kind, path)
            case _:
                return self._text(node, path)

    def _number(self, node: yaml.ScalarNode, kind: str, path: Path) -> JsonValue:
        read = self.loader.construct_yaml_int if kind == "int" else self.loader.construct_yaml_float
        try:
            number: int | float = read(node)
            if math.isfinite(number) and (isinstance(number, float) or abs(number) <= INTEGER_MAX):
                return number
        except (ValueError, OverflowError, IndexError):  # a `!!int` tag in front of anything
            pass
        self.report.add_at(_place(node), f"`{node.value:.40}` is not a finite number of at most 64 bits", path=path)
        return None

    def _text(self, node: yaml.ScalarNode, path: Path) -> str:
        text = str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.report.add_at(_place(node), f"`{show_path(path)}` holds half of a surrogate pair", path=path)
            return text.encode("utf-8", "replace").decode()
        return text
