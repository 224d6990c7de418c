"""What does an experiment show now?"""

from dataclasses import dataclass

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import SPANS_MS, Span
from analytics.domain.experiment_history import HistoryPoint, history, span_of
from analytics.domain.judge_experiment import Report, judge, summaries_of
from analytics.domain.rollup import Rollup
from contracts.experiments import Experiment
from document_store import Equal

SUMS_MAX = 20_000
"""Days, hours or minutes of all arms: fifty arms that are compared for a year have fewer."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an experiment shows."""

    report: Report
    history: list[HistoryPoint]


async def read_experiment(figures: FigureStore, tenant: str, experiment: Experiment, *, now_ms: int) -> Judged:
    """Of all conversations that were exposed until now, or until it was stopped."""
    until_ms = max(experiment.stopped_ms or now_ms, experiment.started_ms)
    span = span_of(experiment, until_ms=until_ms)
    days = await _sums(figures, tenant, experiment, "day", from_ms=0, to_ms=max(until_ms, now_ms))
    since_ms = experiment.started_ms
    parts = days if span == "day" else await _sums(figures, tenant, experiment, span, from_ms=since_ms, to_ms=until_ms)
    arms = summaries_of(experiment, days)
    return Judged(judge(experiment, arms), history(experiment, parts, arms, until_ms=until_ms))


async def _sums(
    figures: FigureStore, tenant: str, experiment: Experiment, span: Span, *, from_ms: int, to_ms: int
) -> list[Rollup]:
    """Whole cells of one length from the one that holds `from` to the one that holds `to`."""
    where = (Equal("tenant", tenant), Equal("experiment", experiment.name))
    length_ms = SPANS_MS[span]
    found = await figures.rollups(
        ("arms", "arm_ratings"),
        where,
        from_ms=from_ms // length_ms * length_ms,
        to_ms=(to_ms // length_ms + 1) * length_ms,
        at_most=SUMS_MAX,
        spans=(span,),
    )
    assert len(found) <= SUMS_MAX, "more arms or years than an experiment can have"
    return found
