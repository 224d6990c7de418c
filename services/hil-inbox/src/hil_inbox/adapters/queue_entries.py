"""What can be in the file of queues, and what does an entry of it mean?"""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.handover_clocks import OpenHours, SlaTerms
from hil_inbox.domain.open_hours import WEEKDAYS
from hil_inbox.domain.queues import AssignmentMode, Choice, Match, Queue, WhenNobody

UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Word = Annotated[str, Field(min_length=1, max_length=128)]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}[smhd]$", description="Such as 30s, 5m, 8h or 2d.")]
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
Hours = Annotated[
    str,
    Field(pattern=rf"^{_DAY}(-{_DAY})? {_CLOCK}-({_CLOCK}|24:00)$", description="Such as mon-fri 09:00-17:30."),
]


class Part(BaseModel):
    """Unknown fields are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchEntry(Part):
    """Of each list that is given a handover must have one entry."""

    skills: list[Word] = Field([], max_length=100)
    reasons: list[Word] = Field([], max_length=100)
    workflows: list[Word] = Field([], max_length=100)


class AssignmentEntry(Part):
    """Who gets what waits. `claim`: people take it themselves."""

    mode: AssignmentMode = "claim"
    teams: list[Word] = Field([], max_length=100)
    relax_skills_after: Duration | None = None
    cool_down: Duration = "30s"


class SlaEntry(Part):
    """How long a customer may wait, in open time. What is not named has no clock."""

    first_response: Duration | None = None
    next_response: Duration | None = None
    resolution: Duration | None = None


class OpenEntry(Part):
    """When clocks run, by the wall clock of a place; always, if nothing is said."""

    time_zone: Word = "UTC"
    hours: list[Hours] = Field([], max_length=50)


class WhenNobodyEntry(Part):
    """The overflow queue is asked first; where nobody is either, the customer is told."""

    message: str | None = Field(None, min_length=1, max_length=4_000)
    callback: str | None = Field(None, min_length=1, max_length=4_000)
    overflow: Name | None = None


class ReasonEntry(Part):
    code: Name
    label: str = Field(min_length=1, max_length=200)


class ReplyEntry(ReasonEntry):
    text: str = Field(min_length=1, max_length=8_000)


class QueueEntry(Part):
    """One queue."""

    name: Name
    match: MatchEntry = MatchEntry()
    assignment: AssignmentEntry = AssignmentEntry()
    sla: SlaEntry = SlaEntry()
    open: OpenEntry = OpenEntry()
    when_nobody: WhenNobodyEntry = WhenNobodyEntry()
    rejection_reasons: list[ReasonEntry] = Field([], max_length=100)
    canned_replies: list[ReplyEntry] = Field([], max_length=500)
    rating_text: str | None = Field(None, max_length=4_000)

    def queue(self) -> Queue:
        """As the domain knows it."""
        return Queue(
            name=self.name,
            match=Match(*map(frozenset, (self.match.skills, self.match.reasons, self.match.workflows))),
            mode=self.assignment.mode,
            teams=frozenset(self.assignment.teams),
            relax_skills_after_ms=milliseconds(self.assignment.relax_skills_after),
            cool_down_ms=milliseconds(self.assignment.cool_down) or 0,
            terms=self._terms(),
            when_nobody=WhenNobody(**self.when_nobody.model_dump()),
            rejection_reasons=tuple(Choice(one.code, one.label, "") for one in self.rejection_reasons),
            canned_replies=tuple(Choice(one.code, one.label, one.text) for one in self.canned_replies),
            rating_text=self.rating_text,
        )

    def _terms(self) -> SlaTerms:
        return SlaTerms(
            first_response_ms=milliseconds(self.sla.first_response),
            next_response_ms=milliseconds(self.sla.next_response),
            resolution_ms=milliseconds(self.sla.resolution),
            time_zone=self.open.time_zone,
            hours=tuple(hour for text in self.open.hours for hour in hours_of(text)),
        )


class QueuesDocument(Part):
    """The whole file."""

    queues: list[QueueEntry] = Field(min_length=1, max_length=100)


def milliseconds(text: str | None) -> int | None:
    """`5m` as 300,000."""
    return None if text is None else int(text[:-1]) * UNITS_MS[text[-1]]


def hours_of(text: str) -> Iterator[OpenHours]:
    """`mon-fri 09:00-17:30` as one span for each day; from saturday to monday goes over the end of the week."""
    first, last, since, until = re.match(r"(\w+)(?:-(\w+))? ([\d:]+)-([\d:]+)", text).groups()  # type: ignore[union-attr]
    start = WEEKDAYS.index(first)
    days = (WEEKDAYS.index(last or first) - start) % 7 + 1
    for ahead in range(days):
        yield OpenHours.model_validate({"day": WEEKDAYS[(start + ahead) % 7], "since": since, "until": until})
