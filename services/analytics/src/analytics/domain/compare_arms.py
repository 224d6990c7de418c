"""Is a metric of an arm better or worse than the control's, and does a guardrail hold?"""

import math
from dataclasses import dataclass
from typing import Literal

from analytics.domain.confidence_sequence import half_width, one_sided_width, quantile_ranks
from analytics.domain.experiment_units import BOUNDS, MORE_IS_BETTER, ArmSummary, Sample
from analytics.domain.histogram import Ranked
from contracts.experiments import Guardrail, MeanMetric

SLOW_SHARE = 0.95
OBSERVATIONS_MIN = 100
"""Of each arm; with fewer a mean need not be near a normal distribution, which all intervals here rest on."""


@dataclass(frozen=True, slots=True)
class MetricFinding:
    """The treatment's mean minus the control's, with its interval at all looks together; `relative` to the control.
    None where there is too little to tell."""

    metric: MeanMetric
    control: float | None
    treatment: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    finding: Literal["better", "worse", "unclear"] = "unclear"


@dataclass(frozen=True, slots=True)
class GuardrailFinding:
    """`harm_low`: the least by which the treatment is worse than the control with its tolerance, at all looks together.
    Above 0 the guardrail is breached; None where there is too little to tell."""

    metric: str
    tolerance: float
    control: float | None
    treatment: float | None
    harm_low: float | None = None
    is_breached: bool = False


def compare_metric(
    metric: MeanMetric, control: ArmSummary, treatment: ArmSummary, *, alpha: float, tuned_for: int
) -> MetricFinding:
    """Two-sided."""
    one, other = control.samples[metric], treatment.samples[metric]
    if one.mean is None or other.mean is None or min(one.count, other.count) < OBSERVATIONS_MIN:
        return MetricFinding(metric, one.mean, other.mean)
    variance = _variance(metric, one) + _variance(metric, other)
    difference = other.mean - one.mean
    width = half_width(math.sqrt(variance), one.count + other.count, alpha=alpha, tuned_for=tuned_for)
    low, high = difference - width, difference + width
    return MetricFinding(
        metric,
        one.mean,
        other.mean,
        difference=difference,
        low=low,
        high=high,
        relative=difference / one.mean if one.mean else None,
        finding=_finding(low, high, more_is_better=metric in MORE_IS_BETTER),
    )


def _variance(metric: MeanMetric, values: Sample) -> float:
    bounds = BOUNDS.get(metric)
    return values.variance_of_mean if bounds is None else values.variance_within(*bounds)


def _finding(low: float, high: float, *, more_is_better: bool) -> Literal["better", "worse", "unclear"]:
    if low <= 0 <= high:
        return "unclear"
    return "better" if (low > 0) == more_is_better else "worse"


def compare_guardrail(
    guardrail: Guardrail, control: ArmSummary, treatment: ArmSummary, *, alpha: float, tuned_for: int
) -> GuardrailFinding:
    """One-sided: only harm matters."""
    if guardrail.metric == "p95_latency_ms":
        return _compare_slowest(
            guardrail, Ranked(control.slowest), Ranked(treatment.slowest), alpha=alpha, tuned_for=tuned_for
        )
    one, other = control.samples[guardrail.metric], treatment.samples[guardrail.metric]
    sign = -1 if guardrail.metric in MORE_IS_BETTER else 1
    allowed = 1 + sign * guardrail.tolerance
    if one.mean is None or other.mean is None or min(one.count, other.count) < OBSERVATIONS_MIN:
        return GuardrailFinding(guardrail.metric, guardrail.tolerance, one.mean, other.mean)
    variance = _variance(guardrail.metric, one) * allowed * allowed + _variance(guardrail.metric, other)
    harm = sign * (other.mean - allowed * one.mean)
    width = one_sided_width(math.sqrt(variance), one.count + other.count, alpha=alpha, tuned_for=tuned_for)
    return _found(guardrail, one.mean, other.mean, harm - width)


def _compare_slowest(
    guardrail: Guardrail, slow: Ranked, slower: Ranked, *, alpha: float, tuned_for: int
) -> GuardrailFinding:
    """The 95th percentile of conversations' slowest executions: bounds of both arms, each with half of alpha, must not
    overlap. The second is the treatment's."""
    one, other = slow.quantile(SLOW_SHARE), slower.quantile(SLOW_SHARE)
    if min(slow.size, slower.size) < OBSERVATIONS_MIN:
        return GuardrailFinding(guardrail.metric, guardrail.tolerance, one, other)
    _, high = quantile_ranks(SLOW_SHARE, slow.size, alpha=alpha / 2, tuned_for=tuned_for // 2)
    low, _ = quantile_ranks(SLOW_SHARE, slower.size, alpha=alpha / 2, tuned_for=tuned_for // 2)
    allowed = 1 + guardrail.tolerance
    harm_low = None if high is None else slower.value_at(low + 1) - allowed * slow.value_at(high + 1)
    return _found(guardrail, one, other, harm_low)


def _found(
    guardrail: Guardrail, control: float | None, treatment: float | None, harm_low: float | None
) -> GuardrailFinding:
    is_breached = harm_low is not None and harm_low > 0
    return GuardrailFinding(guardrail.metric, guardrail.tolerance, control, treatment, harm_low, is_breached)
