"""What are figures about, and over which time?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
Family = Literal[
    "executions",
    "nodes",
    "completions",
    "tools",
    "people",
    "messages",
    "failures",
    "by_workflow",
    "by_model",
    "conversations",
    "experiments",
    "worth",
    "arms",
    "arm_ratings",
]
"""The last three are sums over what conversations, and their units in experiments, come to (postings.py)."""
COARSER: Mapping[Family, tuple[Family, frozenset[str]]] = {
    "executions": ("by_workflow", frozenset({"tenant", "workflow"})),
    "completions": ("by_model", frozenset({"tenant", "model"})),
}
"""The same is counted by fewer dimensions, too, so that a week of hours is not ten thousand documents."""
UNITS: frozenset[Family] = frozenset({"conversations", "experiments"})
"""Of these a subject is one conversation, in all its time."""
DAY_MS = 86_400_000
Span = Literal["minute", "hour", "day", "all"]
SPANS_MS: dict[Span, int] = {"day": DAY_MS, "hour": HOUR_MS, "minute": MINUTE_MS}
"""From the longest; each is made of whole ones of the next."""


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
    experiment: str = ""
    stage: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A subject in one minute, hour or day (UTC) that begins at `start_ms`, or (a conversation) in all its time."""

    subject: Subject
    span: Span
    start_ms: int

    @property
    def id(self) -> str:
        """Unique over all cells."""
        one = self.subject
        others = one.family, one.workflow, one.version, one.node, one.agent, one.model, one.tool, one.person, one.key
        latest = (one.stage, one.outcome) if one.stage or one.outcome else ()  # A conversation keeps the id it had.
        if one.experiment:
            latest = *latest, one.experiment
        return f"{one.tenant}/{self.span}/{self.start_ms}/{'/'.join(map(_escaped, (*others, *latest)))}"


def _escaped(part: str) -> str:
    return quote(part, safe=" ") if "/" in part or "%" in part else part


def cells_of(subject: Subject, at_ms: int) -> tuple[Cell, ...]:
    """Where a message of this log time counts: its minute, and its hour and day, so that years are few documents."""
    if subject.family in UNITS:
        return (Cell(subject, "all", 0),)
    return tuple(Cell(subject, span, at_ms // length_ms * length_ms) for span, length_ms in SPANS_MS.items())


def stretches(
    from_ms: int, to_ms: int, *, spans: tuple[Span, ...] = tuple(SPANS_MS)
) -> Iterator[tuple[Span, int, int]]:
    """[from, to), which are whole minutes, as few cells: full days, full hours around them, minutes around those."""
    if from_ms >= to_ms:
        return
    span, finer = spans[0], spans[1:]
    first_ms, last_ms = -(-from_ms // SPANS_MS[span]) * SPANS_MS[span], to_ms // SPANS_MS[span] * SPANS_MS[span]
    if first_ms >= last_ms:
        yield from stretches(from_ms, to_ms, spans=finer)
        return
    yield from stretches(from_ms, first_ms, spans=finer)
    yield span, first_ms, last_ms
    yield from stretches(last_ms, to_ms, spans=finer)
