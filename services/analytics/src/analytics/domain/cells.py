"""What are figures about, and over which time?"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Literal
from urllib.parse import quote

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
Family = Literal["executions", "nodes", "completions", "tools", "people", "messages", "conversations"]
Span = Literal["minute", "hour", "all"]
SPANS_MS: dict[Span, int] = {"minute": MINUTE_MS, "hour": HOUR_MS}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted together. Dimensions that a family does not have are ''; `person` is a human agent."""

    tenant: str
    family: Family
    workflow: str = ""
    version: str = ""
    node: str = ""
    agent: str = ""
    model: str = ""
    tool: str = ""
    person: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A subject in one minute or hour that begins at `start_ms`, or (a conversation) in all its time."""

    subject: Subject
    span: Span
    start_ms: int

    @property
    def id(self) -> str:
        """Unique over all cells."""
        tenant, *others = astuple(self.subject)
        return "/".join(quote(part, safe="") for part in (tenant, self.span, str(self.start_ms), *others))


def cells_of(subject: Subject, at_ms: int) -> tuple[Cell, ...]:
    """Where a message of this log time counts: minutes for what is new, hours so that months are few documents."""
    if subject.family == "conversations":
        return (Cell(subject, "all", 0),)
    return tuple(Cell(subject, span, at_ms // length_ms * length_ms) for span, length_ms in SPANS_MS.items())


def stretches(from_ms: int, to_ms: int) -> Iterator[tuple[Span, int, int]]:
    """[from, to), which are whole minutes, as few cells: full hours, and the minutes before and after them."""
    first_hour_ms = -(-from_ms // HOUR_MS) * HOUR_MS
    last_hour_ms = to_ms // HOUR_MS * HOUR_MS
    if first_hour_ms >= last_hour_ms:
        yield "minute", from_ms, to_ms
        return
    parts: tuple[tuple[Span, int, int], ...] = (
        ("minute", from_ms, first_hour_ms),
        ("hour", first_hour_ms, last_hour_ms),
        ("minute", last_hour_ms, to_ms),
    )
    yield from (part for part in parts if part[1] < part[2])
