"""What does an experiment show, and is the verdict pass, fail, or inconclusive, which is to hold (SPEC A7)?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from analytics.domain.compare_arms import GuardrailFinding, MetricFinding, compare_guardrail, compare_metric
from analytics.domain.experiment_units import ArmSummary, summary_of
from analytics.domain.rollup import Rollup
from analytics.domain.sample_ratio import SampleRatio, sample_ratio
from analytics.domain.share import Share, together
from contracts.experiments import Arm, Experiment, MeanMetric

ALPHA = 0.05
"""Chance of any wrong finding in an experiment without differences, over all looks, metrics, guardrails and arms."""
Code: TypeAlias = Literal[
    "sample_ratio_mismatch",
    "too_few_conversations",
    "guardrail_breached",
    "metric_worse",
    "metric_better",
    "no_difference",
]
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code of a small set, and a sentence."""

    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """Conversations that were exposed, those of which an execution ended, and the means of those."""

    version: str
    percent: int
    conversations: int
    ended: int
    means: Mapping[MeanMetric, float | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm against the control."""

    version: str
    control: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    metrics: tuple[MetricFinding, ...]
    guardrails: tuple[GuardrailFinding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that an experiment shows. Of several arms one that passes is enough; it fails when all do."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    sample_ratio: SampleRatio
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Errors:
    """How much of ALPHA one look at one thing may spend (Bonferroni): half is for metrics, half for guardrails."""

    metric: float
    guardrail: float
    tuned_for: int


def errors_of(experiment: Experiment) -> Errors:
    """Intervals are tightest where a verdict first can be."""
    arms, shares = len(experiment.arms) - 1, 2 if experiment.guardrails else 1
    return Errors(
        metric=ALPHA / shares / len(experiment.metrics) / arms,
        guardrail=ALPHA / shares / max(1, len(experiment.guardrails)) / arms,
        tuned_for=2 * experiment.conversations_min,
    )


def summaries_of(experiment: Experiment, rollups: Iterable[Rollup]) -> dict[str, ArmSummary]:
    """By version of the arm, from the sums over conversations and over ratings, in any order."""
    by_arm: dict[str, list[Share]] = {arm.version: [] for arm in experiment.arms}
    for rollup in rollups:
        if rollup.cell.subject.version in by_arm:
            by_arm[rollup.cell.subject.version].append(Share(rollup.counts, rollup.histograms))
    return {version: summary_of(together(shares)) for version, shares in by_arm.items()}


def judge(experiment: Experiment, arms: Mapping[str, ArmSummary]) -> Report:
    """Of all conversations that were exposed until now; `arms` by version."""
    ratio = sample_ratio(
        {arm.version: arm.percent for arm in experiment.arms},
        {version: summary.conversations for version, summary in arms.items()},
    )
    control, *treatments = experiment.arms
    comparisons = tuple(_compared(experiment, (control, arm), arms, ratio) for arm in treatments)
    return Report(
        verdict=_overall([one.verdict for one in comparisons]),
        reasons=tuple(dict.fromkeys(reason for one in comparisons for reason in one.reasons)),
        sample_ratio=ratio,
        arms=tuple(_figures(arm, arms[arm.version]) for arm in experiment.arms),
        comparisons=comparisons,
    )


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if "pass" in verdicts:
        return "pass"
    return "fail" if all(verdict == "fail" for verdict in verdicts) else "inconclusive"


def _figures(arm: Arm, summary: ArmSummary) -> ArmFigures:
    means = {metric: sample.mean for metric, sample in summary.samples.items()}
    return ArmFigures(arm.version, arm.percent, summary.conversations, summary.ended, means)


def _compared(
    experiment: Experiment, pair: tuple[Arm, Arm], arms: Mapping[str, ArmSummary], ratio: SampleRatio
) -> Comparison:
    control, arm = pair
    errors, one, other = errors_of(experiment), arms[control.version], arms[arm.version]
    metrics = tuple(
        compare_metric(name, one, other, alpha=errors.metric, tuned_for=errors.tuned_for) for name in experiment.metrics
    )
    guardrails = tuple(
        compare_guardrail(each, one, other, alpha=errors.guardrail, tuned_for=errors.tuned_for)
        for each in experiment.guardrails
    )
    obstacles = tuple(_obstacles(experiment, pair, arms, ratio))
    verdict, reasons = _verdict(arm, metrics, guardrails)
    if obstacles:
        verdict, reasons = "inconclusive", obstacles
    return Comparison(arm.version, control.version, verdict, reasons, metrics, guardrails)


def _obstacles(
    experiment: Experiment, pair: tuple[Arm, Arm], arms: Mapping[str, ArmSummary], ratio: SampleRatio
) -> Iterator[Reason]:
    """Why there is no verdict yet, or never."""
    if ratio.is_mismatch:
        shares = (f"{name}: {count} for {ratio.expected[name]:.1%}" for name, count in ratio.counted.items())
        text = f"conversations did not split as declared (p = {ratio.p_value:.1g}; {', '.join(shares)})"
        yield Reason("sample_ratio_mismatch", text)
    for arm in pair:
        ended = arms[arm.version].ended
        if ended < experiment.conversations_min:
            text = f"{arm.version} has {ended} of at least {experiment.conversations_min} conversations"
            yield Reason("too_few_conversations", text)


def _verdict(
    arm: Arm, metrics: Sequence[MetricFinding], guardrails: Sequence[GuardrailFinding]
) -> tuple[Verdict, tuple[Reason, ...]]:
    harms = [_breached(arm, one) for one in guardrails if one.is_breached]
    harms += [_reason("metric_worse", arm, f"{one.metric} got worse") for one in metrics if one.finding == "worse"]
    if harms:
        return "fail", tuple(harms)
    gains = [_reason("metric_better", arm, f"{one.metric} got better") for one in metrics if one.finding == "better"]
    if gains:
        return "pass", tuple(gains)
    return "inconclusive", (_reason("no_difference", arm, "no metric differs for sure yet"),)


def _breached(arm: Arm, one: GuardrailFinding) -> Reason:
    allowed = f" by more than {one.tolerance:.0%}" if one.tolerance else ""
    return _reason("guardrail_breached", arm, f"{one.metric} is worse than the control's{allowed}")


def _reason(code: Code, arm: Arm, text: str) -> Reason:
    return Reason(code, f"{arm.version}: {text}")
