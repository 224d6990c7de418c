"""What was a stretch of time worth: time and cost saved, business events, ratings, in sums that blocks add up to?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS, SPANS_MS, Span
from analytics.domain.kpi_moments import kpis_in, served_by
from analytics.domain.rollup import Rollup
from contracts.kpis import HandlingBaseline

BLOCKS_WANTED = 48
"""Enough for an interval, few enough that most hold something."""
AI_ONLY, HANDED_OVER = "ai_only", "handed_over"

Sums = Mapping[str, int]
"""Sums by name; those of two blocks add up. `human_cost` is in micro-dollars times the milliseconds of an hour, so that
no block is rounded; `kpi.<name>` counts events and `micros.<name>.<currency>` adds them up."""
Moments = Mapping[str, int]
BaselineOf = Callable[[str, str], HandlingBaseline]
"""Of a tenant and a workflow."""


@dataclass(frozen=True, slots=True)
class Scope:
    """[from, to) of a workflow's version, of all its versions, or of everything."""

    from_ms: int
    to_ms: int
    workflow: str | None = None
    version: str | None = None

    def serves(self, workflow: str, version: str) -> bool:
        """Whether figures of this version count."""
        return self.workflow in {None, workflow} and self.version in {None, version}


@dataclass(frozen=True, slots=True)
class Found:
    """What may hold something of a period: rollups of executions, and the moments of conversations with events or
    ratings."""

    rollups: tuple[Rollup, ...]
    conversations: tuple[Moments, ...]


def block_of(scope: Scope) -> tuple[int, tuple[Span, ...]]:
    """How long a block of the period is, and which spans of rollups fit into one. Over all workflows it is one block,
    of few and long rollups: their mix changes, so an interval would say nothing."""
    if scope.workflow is None:
        return scope.to_ms - scope.from_ms, tuple(SPANS_MS)
    wanted_ms = (scope.to_ms - scope.from_ms) / BLOCKS_WANTED
    if wanted_ms <= HOUR_MS:
        return _rounded(wanted_ms, MINUTE_MS), ("minute",)
    if wanted_ms <= DAY_MS:
        return _rounded(wanted_ms, HOUR_MS), ("hour", "minute")
    return _rounded(wanted_ms, DAY_MS), ("day", "hour", "minute")


def blocks_of(scope: Scope, found: Found, baseline_of: BaselineOf, *, block_ms: int) -> tuple[Sums, ...]:
    """The sums of each block of the period, empty ones too."""
    blocks: list[dict[str, int]] = [{} for _ in range(-(-(scope.to_ms - scope.from_ms) // block_ms))]
    for at_ms, name, amount in _amounts(scope, found, baseline_of):
        if scope.from_ms <= at_ms < scope.to_ms:
            block = blocks[(at_ms - scope.from_ms) // block_ms]
            block[name] = block.get(name, 0) + amount
    return tuple(blocks)


def total_of(blocks: Iterable[Sums]) -> dict[str, int]:
    """All blocks together."""
    total: dict[str, int] = {}
    for block in blocks:
        for name, amount in block.items():
            total[name] = total.get(name, 0) + amount
    return total


def _rounded(wanted_ms: float, unit_ms: int) -> int:
    return max(1, -int(-wanted_ms // unit_ms)) * unit_ms


def _amounts(scope: Scope, found: Found, baseline_of: BaselineOf) -> Iterator[tuple[int, str, int]]:
    """(when, of what, how much)."""
    for rollup in found.rollups:
        subject = rollup.cell.subject
        if subject.stage != "shadow" and scope.serves(subject.workflow, subject.version):
            baseline = baseline_of(subject.tenant, subject.workflow)
            for name, amount in _saved(rollup.counts, baseline).items():
                yield rollup.cell.start_ms, name, amount
    for moments in found.conversations:
        yield from _events(scope, moments)
        yield from rating_of(scope, moments)


def _saved(counts: Mapping[str, int], baseline: HandlingBaseline) -> Sums:
    """An execution that finished without a person saves what a person would have taken, less what it took; of one with
    a person only the cost counts. SPEC A5: 30 s and $0.04 save 270 s and $2.0433."""
    handled_ms = counts.get("unaided", 0) * baseline.handling_ms
    return {
        "executions": counts.get("executions", 0),
        "unaided": counts.get("unaided", 0),
        "time_saved_ms": handled_ms - counts.get("unaided_ms", 0),
        "human_cost": handled_ms * baseline.hour_microdollars,
        "cost_microdollars": counts.get("cost_microdollars", 0),
    }


def _events(scope: Scope, moments: Moments) -> Iterator[tuple[int, str, int]]:
    for kpi in kpis_in(moments):
        if _counts_for(scope, moments, kpi.at_ms):
            yield kpi.at_ms, f"kpi.{kpi.name}", 1
            yield kpi.at_ms, f"micros.{kpi.name}.{kpi.currency}", kpi.micros


def rating_of(scope: Scope, moments: Moments) -> Iterator[tuple[int, str, int]]:
    """(when, of what, how much). The first one counts: of the AI alone where nobody had been asked for before it."""
    at_ms, name = min(((at_ms, name) for name, at_ms in moments.items() if name.startswith("rated.")), default=(0, ""))
    if not name or not _counts_for(scope, moments, at_ms):
        return
    opened = any(since_ms <= at_ms for name, since_ms in moments.items() if name.startswith("opened."))
    by, rating = HANDED_OVER if opened else AI_ONLY, int(name.removeprefix("rated."))
    yield at_ms, f"ratings.{by}", 1
    yield at_ms, f"rating_sum.{by}", rating
    yield at_ms, f"satisfied.{by}", int(rating >= 4)


def _counts_for(scope: Scope, moments: Moments, at_ms: int) -> bool:
    """What came of a conversation is booked to the version that served it then; to none, where none ever did."""
    return scope.workflow is None or scope.serves(*(served_by(moments, at_ms) or ("", "")))
