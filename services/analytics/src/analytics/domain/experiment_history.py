"""How did the differences of an experiment narrow down over its time?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analytics.domain.compare_arms import MetricFinding, compare_metric
from analytics.domain.experiment_units import ArmSummary, Unit
from analytics.domain.judge_experiment import errors_of, summaries_of
from contracts.experiments import Experiment

POINTS = 30


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What conversations that were exposed before a moment say now, in an arm against the control."""

    at_ms: int
    version: str
    conversations: int
    metrics: tuple[MetricFinding, ...]


def history(experiment: Experiment, units: Sequence[Unit], *, until_ms: int) -> list[HistoryPoint]:
    """At moments as far from each other, the last one at the end; conversations in any order."""
    ordered = sorted(units, key=lambda unit: unit.exposed_ms)
    moments = [
        experiment.started_ms + (until_ms - experiment.started_ms) * point // POINTS for point in range(1, POINTS + 1)
    ]
    known: Mapping[str, ArmSummary] = summaries_of(experiment, ())
    points, start = [], 0
    for at_ms in moments:
        end = start
        while end < len(ordered) and (at_ms == moments[-1] or ordered[end].exposed_ms < at_ms):
            end += 1
        new = summaries_of(experiment, ordered[start:end])
        known = {version: _together(summary, new[version]) for version, summary in known.items()}
        points += list(_points(experiment, known, at_ms))
        start = end
    return points


def _together(one: ArmSummary, other: ArmSummary) -> ArmSummary:
    """Means only: percentiles are not asked for at every moment."""
    samples = {metric: sample.plus(other.samples[metric]) for metric, sample in one.samples.items()}
    return ArmSummary(one.conversations + other.conversations, one.ended + other.ended, samples, ())


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
