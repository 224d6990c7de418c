"""Experiments that never happened, looked at every day: conversations of two arms with known differences."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analytics.domain.experiment_units import METRICS, UNITS_PER, ArmSummary, Sample
from analytics.domain.histogram import bucket_of
from analytics.domain.judge_experiment import Report, judge
from analytics.domain.sample_ratio import sample_ratio
from contracts.experiments import Experiment, MeanMetric

CONTROL, TREATMENT = "1.0.0", "2.0.0"
DAYS = 14
SUCCESS, HANDOVER, COST_MICRODOLLARS, LATENCY_MS, SPREAD = 0.90, 0.12, 40_000, 6_000, 1.0
"""Costs and latencies are log-normal with this spread: the dearest of a hundred conversations costs ten times the
median, as real ones do."""

CHI_SQUARE_AT_A_THOUSANDTH = 10.828

EXPERIMENT = Experiment.model_validate(
    {
        "name": "simulated",
        "workflow": "support",
        "arms": [
            {"version": CONTROL, "content_hash": "control", "percent": 50},
            {"version": TREATMENT, "content_hash": "treatment", "percent": 50},
        ],
        "metrics": ["success_rate"],
        "conversations_min": 200,
        "started_ms": 0,
    }
)


@dataclass(frozen=True, slots=True)
class Effect:
    """How the treatment differs, and which share of conversations really comes to it."""

    success: float = 0.0
    handover: float = 0.0
    cost_factor: float = 1.0
    latency_factor: float = 1.0
    share: float = 0.5

    def truth(self, metric: MeanMetric) -> float:
        """The true difference of means."""
        return {
            "success_rate": self.success,
            "error_rate": -self.success,
            "handover_rate": self.handover,
            "cost_usd": COST_MICRODOLLARS * math.exp(SPREAD**2 / 2) * (self.cost_factor - 1) / 1_000_000,
        }[metric]


NO_EFFECT = Effect()


def looks(
    random: np.random.Generator, effect: Effect = NO_EFFECT, *, per_day: int = 200, days: int = DAYS
) -> Iterator[Mapping[str, ArmSummary]]:
    """What is known at the end of each day."""
    count = per_day * days
    is_treated = random.random(count) < effect.share
    success = (random.random(count) < SUCCESS + effect.success * is_treated).astype(np.int64)
    handover = (random.random(count) < HANDOVER + effect.handover * is_treated).astype(np.int64)
    cost = _skewed(random, COST_MICRODOLLARS * np.where(is_treated, effect.cost_factor, 1.0))
    latency = _skewed(random, LATENCY_MS * np.where(is_treated, effect.latency_factor, 1.0))
    columns: dict[MeanMetric, np.ndarray] = {
        "success_rate": success,
        "error_rate": 1 - success,
        "handover_rate": handover,
        "cost_usd": cost,
        "latency_ms": latency,
    }
    for day in range(1, days + 1):
        seen = slice(0, day * per_day)
        yield {
            version: _summary({name: column[seen][chosen[seen]] for name, column in columns.items()})
            for version, chosen in ((CONTROL, ~is_treated), (TREATMENT, is_treated))
        }


def _skewed(random: np.random.Generator, median: np.ndarray) -> np.ndarray:
    return np.rint(median * random.lognormal(0.0, SPREAD, len(median))).astype(np.int64)


def _summary(columns: Mapping[MeanMetric, np.ndarray]) -> ArmSummary:
    samples = {name: _sample(name, column) for name, column in columns.items()}
    count = samples["latency_ms"].count
    nothing = {name: Sample() for name in METRICS if name not in samples}
    slowest = Counter(map(bucket_of, columns["latency_ms"].tolist()))
    return ArmSummary(count, count, {**samples, **nothing}, slowest)


def _sample(metric: MeanMetric, values: np.ndarray) -> Sample:
    return Sample(len(values), int(values.sum()), int((values * values).sum()), UNITS_PER.get(metric, 1))


def reports(
    random: np.random.Generator, effect: Effect = NO_EFFECT, *, experiment: Experiment = EXPERIMENT, per_day: int = 200
) -> list[Report]:
    """What is told at the end of each day."""
    return [judge(experiment, arms) for arms in looks(random, effect, per_day=per_day)]


def first_verdict(found: list[Report]) -> tuple[str, int | None]:
    """The first verdict that is one, since whoever looks every day acts on it, and its day; else the last."""
    for day, report in enumerate(found, start=1):
        if report.verdict != "inconclusive":
            return report.verdict, day
    return "inconclusive", None


def is_covered(found: list[Report], effect: Effect) -> bool:
    """Whether the intervals of all metrics held the truth at every look."""
    metrics = [metric for report in found for metric in report.comparisons[0].metrics]
    assert any(one.low is not None for one in metrics), "no interval was told at all"
    return all(
        one.low <= effect.truth(one.metric) <= one.high
        for one in metrics
        if one.low is not None and one.high is not None
    )


def is_found_by_peeking(random: np.random.Generator) -> bool:
    """Whether the usual test at 5 %, looked at every day, finds a difference where there is none."""
    for arms in looks(random):
        one, other = (arms[version].samples["success_rate"] for version in (CONTROL, TREATMENT))
        assert one.mean is not None and other.mean is not None
        if abs(other.mean - one.mean) > 1.96 * math.sqrt(one.variance_of_mean + other.variance_of_mean):
            return True
    return False


@dataclass(frozen=True, slots=True)
class SplitLooks:
    """At which look, counted from 1, a split was first called wrong: by our test, and by a chi-square at each look."""

    ours: int | None
    chi_square: int | None


def split_looks(random: np.random.Generator, share: float, *, per_look: int, looks_max: int) -> SplitLooks:
    """Conversations come to two arms that were declared even, `share` of them to the second."""
    treated = np.cumsum(random.binomial(per_look, share, looks_max))
    ours = chi_square = None
    for look, count in enumerate(treated.tolist(), start=1):
        whole = look * per_look
        if ours is None and sample_ratio({"1": 50, "2": 50}, {"1": whole - count, "2": count}).is_mismatch:
            ours = look
        if chi_square is None and (2 * count - whole) ** 2 / whole > CHI_SQUARE_AT_A_THOUSANDTH:
            chi_square = look
    return SplitLooks(ours, chi_square)
