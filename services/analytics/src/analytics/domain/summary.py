"""Which figures do rollups add up to?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analytics.domain.metric_catalogue import figure, sums_of
from analytics.domain.rollup import Rollup


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
    """SPEC A3, as the metrics of executions define it."""
    sums = sums_of(rollups)
    counts, cost = sums.counts, sums.counts.get("cost_microdollars", 0)
    return Figures(
        executions=counts.get("executions", 0),
        successes=counts.get("successes", 0),
        success_rate=figure(sums, "executions", "success_rate"),
        handovers=counts.get("handovers", 0),
        handover_rate=figure(sums, "executions", "handover_rate"),
        turns=counts.get("turns", 0),
        intervention_rate=figure(sums, "executions", "intervention_rate"),
        default_responses=counts.get("default_responses", 0),
        latency_ms_p50=figure(sums, "executions", "p50_latency_ms"),
        latency_ms_p95=figure(sums, "executions", "p95_latency_ms"),
        cost_microdollars=cost,
        cost_microdollars_per_execution=cost / counts["executions"] if counts.get("executions") else None,
        counts=dict(sorted(counts.items())),
    )


def by_workflow(rollups: Iterable[Rollup]) -> dict[str, Figures]:
    """The same for each workflow by name; messages outside executions belong to none."""
    groups: dict[str, list[Rollup]] = {}
    for rollup in rollups:
        groups.setdefault(rollup.cell.subject.workflow, []).append(rollup)
    return {workflow: figures(group) for workflow, group in sorted(groups.items()) if workflow}
