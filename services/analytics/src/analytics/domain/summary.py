"""Which figures do rollups add up to?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analytics.domain.histogram import Histogram, merged, quantile
from analytics.domain.rollup import Rollup, added


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of some rollups. A rate without anything to rate is None: no data is not zero."""

    executions: int
    successes: int
    success_rate: float | None
    handovers: int
    handover_rate: float | None
    turns: int
    intervention_rate: float | None
    default_responses: int
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    cost_microdollars: int
    cost_microdollars_per_execution: float | None
    counts: Mapping[str, int]


def figures(rollups: Iterable[Rollup]) -> Figures:
    """SPEC A3: handover rate is executions handed over of all, intervention rate is handovers of turns."""
    known = list(rollups)
    counts = added({}, (rollup.counts for rollup in known))
    return _figures(counts, merged(rollup.histogram("latency_ms") for rollup in known))


def by_workflow(rollups: Iterable[Rollup]) -> dict[str, Figures]:
    """The same for each workflow by name; messages outside executions belong to none."""
    groups: dict[str, list[Rollup]] = {}
    for rollup in rollups:
        groups.setdefault(rollup.cell.subject.workflow, []).append(rollup)
    return {workflow: figures(group) for workflow, group in sorted(groups.items()) if workflow}


def _figures(counts: Mapping[str, int], latency: Histogram) -> Figures:
    executions, turns = counts.get("executions", 0), counts.get("turns", 0)
    cost = counts.get("cost_microdollars", 0)
    return Figures(
        executions=executions,
        successes=counts.get("successes", 0),
        success_rate=_rate(counts.get("successes", 0), executions),
        handovers=counts.get("handovers", 0),
        handover_rate=_rate(counts.get("handovers", 0), executions),
        turns=turns,
        intervention_rate=_rate(counts.get("turn_handovers", 0), turns),
        default_responses=counts.get("default_responses", 0),
        latency_ms_p50=quantile(latency, 0.50),
        latency_ms_p95=quantile(latency, 0.95),
        cost_microdollars=cost,
        cost_microdollars_per_execution=_rate(cost, executions),
        counts=dict(sorted(counts.items())),
    )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
