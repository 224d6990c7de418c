"""Which queues are there, which of them does a handover wait in, and what was promised there?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from contracts.handover_clocks import SlaTerms

AssignmentMode = Literal["claim", "round_robin", "longest_idle", "least_loaded"]
FallbackKind = Literal["none", "message", "callback", "overflow"]


@dataclass(frozen=True, slots=True)
class Match:
    """What a handover must have: of each list that is not empty, one entry. An empty match fits everything."""

    skills: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    workflows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WhenNobody:
    """What the customer is told while nobody is online; before that the overflow queue is asked."""

    message: str | None = None
    callback: str | None = None
    overflow: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a person picks by its label."""

    code: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. Skills are not asked for after `relax_skills_after_ms` (None: always); who let a handover go does not
    get it back within `cool_down_ms`. `rating_text` None: as everywhere; empty: nobody is asked."""

    name: str
    match: Match = Match()
    mode: AssignmentMode = "claim"
    teams: frozenset[str] = frozenset()
    relax_skills_after_ms: int | None = None
    cool_down_ms: int = 30_000
    terms: SlaTerms = field(default_factory=SlaTerms)
    when_nobody: WhenNobody = WhenNobody()
    rejection_reasons: tuple[Choice, ...] = ()
    canned_replies: tuple[Choice, ...] = ()
    rating_text: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a queue is chosen by."""

    reason: str
    skills: frozenset[str] = frozenset()
    workflow: str | None = None


@dataclass(frozen=True, slots=True)
class Queues:
    """All queues in the order of the file; the last one takes what no other does."""

    in_order: tuple[Queue, ...]

    def __iter__(self) -> Iterator[Queue]:
        return iter(self.in_order)

    def of(self, asked: Asked) -> Queue:
        """The first that fits."""
        return next((queue for queue in self.in_order if _fits(queue.match, asked)), self.in_order[-1])

    def named(self, name: str) -> Queue | None:
        """By its name."""
        return next((queue for queue in self.in_order if queue.name == name), None)

    def rating_text(self, name: str, default: str) -> str:
        """What the customers of a queue are asked afterwards; empty: nothing. A conversation that was taken over from
        the AI is in no queue."""
        queue = self.named(name)
        return default if queue is None or queue.rating_text is None else queue.rating_text


def _fits(match: Match, asked: Asked) -> bool:
    return (
        (not match.skills or bool(match.skills & asked.skills))
        and (not match.reasons or asked.reason in match.reasons)
        and (not match.workflows or asked.workflow in match.workflows)
    )
