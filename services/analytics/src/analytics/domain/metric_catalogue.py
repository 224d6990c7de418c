"""Which metrics can be asked of a family of figures, and what is each one's value?"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from analytics.domain.cells import Family
from analytics.domain.histogram import Ranked, merged
from analytics.domain.rollup import Rollup, added

MICRO = 1_000_000
PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d{1,2})?)_(latency_ms|cost_usd)$")
VALUES = {"latency_ms": ("latency_ms", 1), "cost_usd": ("cost_microdollars", MICRO)}
"""Name of the histogram that a percentile is of, and what its values are divided by."""


@dataclass(frozen=True, slots=True)
class Sums:
    """All that was counted in some rollups. Histograms are merged when percentiles are first asked for, since most
    metrics need none."""

    counts: Mapping[str, int]
    rollups: tuple[Rollup, ...] = ()
    _ranked: dict[str, Ranked] = field(default_factory=dict)

    def ranked(self, name: str) -> Ranked:
        """The values of this name."""
        if len(self.rollups) == 1:
            return self.rollups[0].ranked(name)
        if name not in self._ranked:
            self._ranked[name] = Ranked(merged(rollup.histogram(name) for rollup in self.rollups))
        return self._ranked[name]


def sums_of(rollups: Iterable[Rollup]) -> Sums:
    """Of cells of any spans that do not overlap, in any order."""
    known = tuple(rollups)
    if len(known) == 1:
        return Sums(known[0].counts, known)
    return Sums(added({}, (rollup.counts for rollup in known)), known)


Value = float | int | Mapping[str, int] | None
Metric = Callable[[Sums], Value]


def count(name: str) -> Metric:
    """How often."""
    return lambda sums: sums.counts.get(name, 0)


def rate(part: str, whole: str) -> Metric:
    """A share of 1; None where there is nothing to rate."""
    return lambda sums: sums.counts.get(part, 0) / sums.counts[whole] if sums.counts.get(whole) else None


def usd(name: str) -> Metric:
    """Micro-dollars as US dollars."""
    return lambda sums: sums.counts.get(name, 0) / MICRO


def usd_each(whole: str) -> Metric:
    """US dollars for one."""
    return lambda sums: (
        sums.counts.get("cost_microdollars", 0) / MICRO / sums.counts[whole] if sums.counts.get(whole) else None
    )


def _failures(sums: Sums) -> Value:
    whole = sums.counts.get("executions", 0)
    return (whole - sums.counts.get("successes", 0)) / whole if whole else None


def _all(sums: Sums) -> Value:
    return dict(sorted(sums.counts.items()))


COST: Mapping[str, Metric] = {"cost_usd": usd("cost_microdollars")}
METRICS: Mapping[Family, Mapping[str, Metric]] = {
    "executions": {
        **{name: count(name) for name in ("executions", "successes", "handovers", "turns", "default_responses")},
        "success_rate": rate("successes", "executions"),
        "error_rate": _failures,
        "handover_rate": rate("handovers", "executions"),
        "intervention_rate": rate("turn_handovers", "turns"),
        "cost_per_request": usd_each("executions"),
        **COST,
    },
    "nodes": {
        **{name: count(name) for name in ("runs", "attempts", "completions", "tool_calls")},
        "failures": count("runs_by_outcome.failed"),
        "failure_rate": rate("runs_by_outcome.failed", "runs"),
        **COST,
    },
    "completions": {
        **{name: count(name) for name in ("completions", "failed", "fallbacks")},
        **{name: count(name) for name in ("tokens_input", "tokens_cached", "tokens_output")},
        "failure_rate": rate("failed", "completions"),
        "cost_per_completion": usd_each("completions"),
        **COST,
    },
    "tools": {
        **{name: count(name) for name in ("calls", "tool_errors", "repeated")},
        "failures": count("calls_by_outcome.failed"),
        "failure_rate": rate("calls_by_outcome.failed", "calls"),
        **COST,
    },
    "people": {name: count(name) for name in ("claims", "replies", "verdicts", "resolved", "returned", "released")},
    "messages": {
        **{name: count(name) for name in ("messages_received", "messages_sent", "messages_suppressed")},
        **{name: count(name) for name in ("handovers_opened", "handovers_claimed", "handovers_resolved", "ratings")},
    },
}
WITH_LATENCY: frozenset[Family] = frozenset({"executions", "nodes", "completions", "tools"})
DIMENSIONS: Mapping[Family, tuple[str, ...]] = {
    "executions": ("tenant", "workflow", "version", "stage", "outcome"),
    "nodes": ("tenant", "workflow", "version", "stage", "node", "agent", "outcome"),
    "completions": ("tenant", "workflow", "node", "model", "outcome"),
    "tools": ("tenant", "workflow", "node", "tool", "outcome"),
    "people": ("tenant", "person"),
    "messages": ("tenant",),
}


def metric_of(family: Family, name: str) -> Metric | None:
    """The metric of this name: a named one, a percentile such as `p95_latency_ms`, or `counts`, which is everything."""
    if name == "counts":
        return _all
    found = PERCENTILE.match(name)
    if found is None:
        return METRICS[family].get(name)
    if family not in WITH_LATENCY:
        return None
    share, (histogram, divisor) = float(found[1]) / 100, VALUES[found[2]]
    return lambda sums: _quantile(sums, histogram, share, divisor)


def figure(sums: Sums, family: Family, name: str) -> float | None:
    """The value of a metric that is one number; None where there is nothing to measure, or no such metric."""
    metric = metric_of(family, name)
    value = None if metric is None else metric(sums)
    assert not isinstance(value, Mapping), f"{name} is more than a number"
    return value


def names_of(family: Family) -> tuple[str, ...]:
    """What can be asked, for a hint."""
    percentiles = ("p50_latency_ms", "p95_latency_ms", "p95_cost_usd") if family in WITH_LATENCY else ()
    return (*METRICS[family], *percentiles, "counts")


def _quantile(sums: Sums, histogram: str, share: float, divisor: int) -> float | None:
    found = sums.ranked(histogram).quantile(share)
    return None if found is None else found / divisor
