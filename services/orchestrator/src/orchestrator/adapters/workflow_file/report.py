"""What is wrong with a workflow file, and where exactly?"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class Place(NamedTuple):
    """Line and column in the file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class WorkflowError:
    """One mistake in a file; `field` is the path to it, such as `workflow.nodes[0].limits`."""

    file: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}: {self.message}{hint}"


class WorkflowErrors(Exception):
    """Everything that is wrong with one file, in the order of its lines; never empty."""

    def __init__(self, errors: Iterable[WorkflowError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(slots=True)
class Report:
    """Collects the mistakes of one file; `places` knows where its keys and items stand."""

    file: str
    places: Mapping[Path, Place] = field(default_factory=dict)
    errors: list[WorkflowError] = field(default_factory=list)

    def add(self, path: Path, message: str, hint: str = "") -> None:
        """A mistake at the key or item of `path`, or at the nearest one above it that the file has."""
        self.add_at(self.place(path), message, hint, path=path)

    def add_at(self, place: Place, message: str, hint: str = "", *, path: Path = ()) -> None:
        """A mistake at a place that has no path, such as a syntax error."""
        self.errors.append(WorkflowError(self.file, *place, show_path(path), message, hint))

    def place(self, path: Path) -> Place:
        """Where `path`, or what is nearest above it, stands."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def show_path(path: Path) -> str:
    """`workflow.nodes[0].id` for ("workflow", "nodes", 0, "id")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known here: {', '.join(names)}" if names else "none is known here"
