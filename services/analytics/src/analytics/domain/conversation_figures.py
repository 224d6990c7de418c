"""What do the counts and moments of a conversation tell: who wrote, waited, handled it, and what did it cost?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from analytics.domain.cells import HOUR_MS
from analytics.domain.kpi_moments import Kpi, first_rating, kpis_in
from analytics.domain.rollup import Rollup

HUMAN_HOUR_MICRODOLLARS = 25_000_000
"""What an hour of a human agent costs unless a tenant says otherwise (SPEC A5)."""


@dataclass(frozen=True, slots=True)
class HandoverFigures:
    """One handover; times are log times. `wait_ms` is from opened to the first owner after it; None while it waits."""

    handover_id: str
    reason: str
    opened_ms: int
    wait_ms: int | None
    ended_ms: int | None
    how: str | None


@dataclass(frozen=True, slots=True)
class Turn:
    """A person had the conversation; `until_ms` None: they have it still."""

    person: str
    epoch: int
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class ConversationFigures:
    """SPEC A2. `resolution` is how it ended last: `resolved` or `returned` by a person, `ai` where no person was asked
    and an execution succeeded, else None. Costs are in micro-dollars; `handle_ms` counts finished turns of people."""

    messages: Mapping[str, int]
    handovers: tuple[HandoverFigures, ...]
    turns: tuple[Turn, ...]
    handle_ms: int
    resolution: str | None
    rating: int | None
    executions: int
    successes: int
    ai_cost_microdollars: int
    tool_cost_microdollars: int
    human_cost_microdollars: int
    kpis: tuple[Kpi, ...]


def conversation_figures(
    rollup: Rollup, *, human_hour_microdollars: int = HUMAN_HOUR_MICRODOLLARS
) -> ConversationFigures:
    """Whatever order its messages came in."""
    counts, rated = rollup.counts, first_rating(rollup.moments)
    turns = tuple(_turns(rollup.moments))
    handovers = _ordered(rollup.moments, turns)
    handle_ms = sum(turn.until_ms - turn.since_ms for turn in turns if turn.until_ms is not None)
    return ConversationFigures(
        messages={name.removeprefix("messages."): n for name, n in counts.items() if name.startswith("messages.")},
        handovers=handovers,
        turns=turns,
        handle_ms=handle_ms,
        resolution=_resolution(handovers, counts.get("successes", 0)),
        rating=None if rated is None else rated[1],
        executions=counts.get("executions", 0),
        successes=counts.get("successes", 0),
        ai_cost_microdollars=counts.get("completion_cost_microdollars", 0),
        tool_cost_microdollars=counts.get("tool_cost_microdollars", 0),
        human_cost_microdollars=handle_ms * human_hour_microdollars // HOUR_MS,
        kpis=kpis_in(rollup.moments),
    )


def resolution_of(rollup: Rollup) -> str | None:
    """How it ended last, as `ConversationFigures` has it; quick where no person was asked."""
    was_handed_over = rollup.counts.get("handovers", 0) > 0
    handovers = _ordered(rollup.moments, tuple(_turns(rollup.moments))) if was_handed_over else ()
    return _resolution(handovers, rollup.counts.get("successes", 0))


def _ordered(moments: Mapping[str, int], turns: tuple[Turn, ...]) -> tuple[HandoverFigures, ...]:
    return tuple(sorted(_handovers(moments, turns), key=lambda one: (one.opened_ms, one.handover_id)))


def _named(moments: Mapping[str, int], kind: str) -> Iterator[tuple[list[str], int]]:
    """The words after the kind, with the moment."""
    for name, at_ms in moments.items():
        first, *words = name.split(".", 2)
        if first == kind:
            yield words, at_ms


def _turns(moments: Mapping[str, int]) -> Iterator[Turn]:
    """Each change of the speaker has an epoch of its own, which ends the turn of the one before."""
    owned = {int(epoch): (person, at_ms) for (epoch, person), at_ms in _named(moments, "owned")}
    changes = {epoch: at_ms for epoch, (_, at_ms) in owned.items()}
    changes |= {int(words[0]): at_ms for words, at_ms in _named(moments, "free")}
    ordered = sorted(changes)
    for epoch, following in zip_longest(ordered, ordered[1:]):
        if epoch in owned:
            person, since_ms = owned[epoch]
            until_ms = None if following is None else max(since_ms, changes[following])
            yield Turn(person, epoch, since_ms, until_ms)


def _handovers(moments: Mapping[str, int], turns: tuple[Turn, ...]) -> Iterator[HandoverFigures]:
    ended = {handover_id: (how, at_ms) for (how, handover_id), at_ms in _named(moments, "ended")}
    for (reason, handover_id), opened_ms in _named(moments, "opened"):
        taken_ms = min((turn.since_ms for turn in turns if turn.since_ms >= opened_ms), default=None)
        how, ended_ms = ended.get(handover_id, (None, None))
        wait_ms = None if taken_ms is None else taken_ms - opened_ms
        yield HandoverFigures(handover_id, reason, opened_ms, wait_ms, ended_ms, how)


def _resolution(handovers: tuple[HandoverFigures, ...], successes: int) -> str | None:
    if handovers:
        return handovers[-1].how
    return "ai" if successes else None
