"""How did the differences of an experiment narrow down over its time?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analytics.domain.cells import DAY_MS, HOUR_MS, SPANS_MS, Span
from analytics.domain.compare_arms import MetricFinding, compare_metric
from analytics.domain.experiment_units import ArmSummary
from analytics.domain.judge_experiment import errors_of, summaries_of
from analytics.domain.rollup import Rollup
from contracts.experiments import Experiment

POINTS_MAX = 30
MINUTES_MAX_MS, HOURS_MAX_MS = 2 * HOUR_MS, 5 * DAY_MS
"""Points are whole minutes, or hours, apart in experiments that last no longer; else whole days: so there are some
hundred sums to read for each arm at most."""


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What conversations that were exposed before a moment say now, in an arm against the control."""

    at_ms: int
    version: str
    conversations: int
    metrics: tuple[MetricFinding, ...]


def span_of(experiment: Experiment, *, until_ms: int) -> Span:
    """Of how long sums the history is made."""
    length_ms = until_ms - experiment.started_ms
    return "minute" if length_ms <= MINUTES_MAX_MS else "hour" if length_ms <= HOURS_MAX_MS else "day"


def history(
    experiment: Experiment, rollups: Sequence[Rollup], whole: Mapping[str, ArmSummary], *, until_ms: int
) -> list[HistoryPoint]:
    """From the sums of `span_of`, in any order; the last point is of all conversations."""
    ordered = sorted(rollups, key=lambda rollup: rollup.cell.start_ms)
    known: Mapping[str, ArmSummary] = summaries_of(experiment, ())
    points, start = list[HistoryPoint](), 0
    for at_ms in _moments(experiment, until_ms=until_ms):
        end = start
        while end < len(ordered) and ordered[end].cell.start_ms < at_ms:
            end += 1
        new = summaries_of(experiment, ordered[start:end])
        known = {version: _together(summary, new[version]) for version, summary in known.items()}
        points += _points(experiment, known, at_ms)
        start = end
    return [*points, *_points(experiment, whole, until_ms)]


def _moments(experiment: Experiment, *, until_ms: int) -> Iterator[int]:
    """Ends of whole minutes, hours or days, each as far from the one before, less than `POINTS_MAX`, before the end."""
    unit_ms = SPANS_MS[span_of(experiment, until_ms=until_ms)]
    since_ms = experiment.started_ms // unit_ms * unit_ms
    units = -(-(until_ms - since_ms) // unit_ms)
    step_ms = max(1, -(-units // POINTS_MAX)) * unit_ms
    yield from range(since_ms + step_ms, until_ms, step_ms)


def _together(one: ArmSummary, other: ArmSummary) -> ArmSummary:
    """Means only: percentiles are not asked for at every moment."""
    samples = {metric: sample.plus(other.samples[metric]) for metric, sample in one.samples.items()}
    return ArmSummary(one.conversations + other.conversations, one.ended + other.ended, samples, {})


def _points(experiment: Experiment, known: Mapping[str, ArmSummary], at_ms: int) -> Iterator[HistoryPoint]:
    errors = errors_of(experiment)
    control, *arms = experiment.arms
    for arm in arms:
        one, other = known[control.version], known[arm.version]
        findings = tuple(
            compare_metric(name, one, other, alpha=errors.metric, tuned_for=errors.tuned_for)
            for name in experiment.metrics
        )
        yield HistoryPoint(at_ms, arm.version, one.conversations + other.conversations, findings)
