"""How does the report of an experiment read at a terminal of 80 columns?"""

from collections.abc import Iterator
from datetime import UTC, datetime

from analytics.api.experiments import ExperimentReport
from analytics.domain.compare_arms import GuardrailFinding, MetricFinding
from analytics.domain.experiment_units import SHARES
from analytics.domain.judge_experiment import Comparison

WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE: hold"}


def report_text(found: ExperimentReport) -> str:
    """All lines."""
    return "\n".join(_lines(found))


def shown(metric: str, value: float | None, *, sign: str = "") -> str:
    """A value of a metric with its unit, `-` where there is none; `sign` is `+` for a difference."""
    if value is None:
        return "-"
    if metric in SHARES:
        return f"{value * 100:{sign}.1f} {'pt' if sign else '%'}"
    if metric == "cost_usd":
        return f"{'-' if value < 0 else sign}${abs(value):.4f}"
    return f"{value:{sign},.0f} ms" if metric.endswith("_ms") else f"{value:{sign}.2f}"


def time_of(at_ms: int) -> str:
    """A moment to the minute."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, tz=UTC):%Y-%m-%d %H:%M}"


def interval(one: MetricFinding) -> str:
    """The difference with its interval."""
    if one.low is None or one.high is None:
        return "too few to tell"
    low, high = shown(one.metric, one.low, sign="+"), shown(one.metric, one.high, sign="+")
    return f"{shown(one.metric, one.difference, sign='+')} [{low}, {high}]"


def held(one: GuardrailFinding) -> str:
    """Whether a guardrail is breached, as far as can be told."""
    if one.is_breached:
        return f"breached: worse by {shown(one.metric, one.harm_low, sign='+').removeprefix('+')} at least"
    return "not breached" if one.harm_low is not None else "too few to tell"


def _lines(found: ExperimentReport) -> Iterator[str]:
    experiment, report = found.experiment, found.report
    state = "runs" if experiment.stopped_ms is None else f"stopped {time_of(experiment.stopped_ms)}"
    yield f"{experiment.name} on {experiment.workflow} of {experiment.tenant}: {WORDS[report.verdict]}"
    yield f"  started {time_of(experiment.started_ms)} UTC, {state}"
    yield from (f"  {reason.text}" for reason in report.reasons)
    ratio = report.sample_ratio
    yield f"\nsplit {'IS NOT AS DECLARED' if ratio.is_mismatch else 'as declared'} (p = {ratio.p_value:.3g})"
    for arm in report.arms:
        yield f"  {arm.version:<20} {arm.conversations:>8,} conversations for {arm.percent} %, {arm.ended:,} ended"
    for comparison in report.comparisons:
        yield from _comparison(comparison)


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield f"\n{comparison.version} against {comparison.control}: {WORDS[comparison.verdict]}"
    for one in comparison.metrics:
        values = f"{shown(one.metric, one.control):>10} {shown(one.metric, one.treatment):>10}"
        yield f"  {one.metric:<15} {values}  {interval(one)} {one.finding}"
    for guardrail in comparison.guardrails:
        values = f"{shown(guardrail.metric, guardrail.control):>10} {shown(guardrail.metric, guardrail.treatment):>10}"
        yield f"  {guardrail.metric:<15} {values}  guardrail {guardrail.tolerance:.0%}: {held(guardrail)}"
