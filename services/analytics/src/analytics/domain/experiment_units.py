"""What does one conversation of an experiment say, and what do many?

The unit is the conversation, since that is what was assigned: its executions are not independent of each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analytics.domain.cells import MINUTE_MS, Subject
from analytics.domain.histogram import Histogram
from analytics.domain.rollup import NOTHING, Contribution, Rollup
from analytics.domain.share import PART, Share, Shares, parts_of
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed, MeanMetric

EXPOSED = "exposed."
SLOWEST = "slowest_ms"


def in_experiment(tenant: str, key: str, entry: LogEntry) -> Contribution | None:
    """What a message adds to the conversation's unit in an experiment: which arm it is in, or how an execution of which
    the experiment chose the version ended."""
    match entry.message:
        case ExperimentExposed() as exposed:
            moments = {f"{EXPOSED}{exposed.version}": entry.timestamp_ms}
            return Contribution(entry.sequence, _unit(tenant, key, exposed.experiment), {}, moments=moments)
        case ExecutionFinished() as ended if ended.based_on.experiment is not None:
            latency_ms = max(0, ended.finished_ms - ended.started_ms)
            counts = {
                "executions": 1,
                "successes": int(ended.success and not ended.default_response),
                "handovers": int(ended.sink == "HANDOVER"),
                "cost_microdollars": ended.cost_microdollars,
                "latency_ms": latency_ms,
            }
            unit = _unit(tenant, key, ended.based_on.experiment)
            return Contribution(entry.sequence, unit, counts, {"latency_ms": latency_ms})
        case _:
            return None


def _unit(tenant: str, key: str, experiment: str) -> Subject:
    return Subject(tenant, "experiments", key=key, experiment=experiment)


@dataclass(frozen=True, slots=True)
class Unit:
    """One conversation in an arm: sums of its executions that ended. `slowest` is the bucket of the slowest one's
    latency; None before any ended."""

    version: str
    exposed_ms: int
    executions: int = 0
    successes: int = 0
    handovers: int = 0
    cost_microdollars: int = 0
    latency_ms: int = 0
    slowest: int | None = None


def unit_of(rollup: Rollup) -> Unit | None:
    """None before the exposure is counted: messages come in any order."""
    exposed = [(at_ms, name) for name, at_ms in rollup.moments.items() if name.startswith(EXPOSED)]
    if not exposed:
        return None
    exposed_ms, name = min(exposed)
    counts = rollup.counts
    return Unit(
        version=name.removeprefix(EXPOSED),
        exposed_ms=exposed_ms,
        executions=counts.get("executions", 0),
        successes=counts.get("successes", 0),
        handovers=counts.get("handovers", 0),
        cost_microdollars=counts.get("cost_microdollars", 0),
        latency_ms=counts.get("latency_ms", 0),
        slowest=max(rollup.histogram("latency_ms"), default=None),
    )


VALUES: Mapping[MeanMetric, Callable[[Unit], int]] = {
    "success_rate": lambda unit: int(unit.successes == unit.executions),
    "error_rate": lambda unit: int(unit.successes < unit.executions),
    "handover_rate": lambda unit: int(unit.handovers > 0),
    "cost_usd": lambda unit: unit.cost_microdollars,
    "latency_ms": lambda unit: round(unit.latency_ms / unit.executions),
}
"""Of one conversation of which an execution ended: 1 if all of its executions succeeded, if one failed, if one went to
people; micro-dollars in all; milliseconds an execution. Its rating, `csat`, is told by the conversation itself."""
METRICS: tuple[MeanMetric, ...] = (*VALUES, "csat")
UNITS_PER: Mapping[MeanMetric, int] = {"cost_usd": 1_000_000}
"""How many of what is summed are one of what is told."""
SHARES: frozenset[str] = frozenset({"success_rate", "error_rate", "handover_rate"})
"""Metrics of which a conversation says yes or no."""
BOUNDS: Mapping[MeanMetric, tuple[int, int]] = {
    "success_rate": (0, 1),
    "error_rate": (0, 1),
    "handover_rate": (0, 1),
    "csat": (1, 5),
}
"""Between which values a conversation must say something, where that is known."""
MORE_IS_BETTER: frozenset[str] = frozenset({"success_rate", "csat"})


@dataclass(frozen=True, slots=True)
class Sample:
    """Sums of whole numbers, hence exact; `scale` of them are one of what `mean` and `variance` tell."""

    count: int = 0
    total: int = 0
    squares: int = 0
    scale: int = 1

    def plus(self, other: "Sample") -> "Sample":
        """Both together."""
        count, total, squares = self.count + other.count, self.total + other.total, self.squares + other.squares
        return Sample(count, total, squares, self.scale)

    @property
    def mean(self) -> float | None:
        """None of nothing."""
        return self.total / self.count / self.scale if self.count else None

    def variance_within(self, low: int, high: int) -> float:
        """Of the mean, with one value more at each bound: where all are the same, the truth need not be quite that."""
        count, total = self.count + 2, self.total + low + high
        deviations = (self.squares + low * low + high * high) * count - total * total
        return deviations / count / count / self.count / self.scale / self.scale

    @property
    def variance_of_mean(self) -> float:
        """Of two values or more."""
        deviations = self.squares * self.count - self.total * self.total
        return deviations / self.count / self.count / (self.count - 1) / self.scale / self.scale


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """What all conversations of an arm say: how many were exposed, of how many an execution ended, each metric, and
    the slowest execution of each."""

    conversations: int
    ended: int
    samples: Mapping[MeanMetric, Sample]
    slowest: Histogram


def arm_sums_of(rollup: Rollup) -> Shares:
    """What a conversation of an experiment adds to its arm, in the minute of its exposure."""
    unit = unit_of(rollup)
    if unit is None:
        return {}
    subject = rollup.cell.subject
    arm = Subject(subject.tenant, "arms", version=unit.version, experiment=subject.experiment)
    return {(arm, unit.exposed_ms // MINUTE_MS * MINUTE_MS): share_of(unit)}


def share_of(unit: Unit) -> Share:
    """`conversations`, `ended`, `<metric>.total` and, of what is more than yes or no, the squares."""
    if unit.slowest is None:
        return Share({"conversations": 1})
    counts = {"conversations": 1, "ended": 1}
    for metric, value_of in VALUES.items():
        value = value_of(unit)
        counts[f"{metric}.total"] = value
        if metric not in SHARES:
            counts[f"{metric}.squares_high"], counts[f"{metric}.squares"] = parts_of(value * value)
    return Share(counts, {SLOWEST: {unit.slowest: 1}})


def summary_of(sums: Share) -> ArmSummary:
    """Of an arm, from the sums over its conversations and over their ratings."""
    samples = {metric: _sample(metric, sums.counts) for metric in METRICS}
    counts = sums.counts
    return ArmSummary(
        counts.get("conversations", 0), counts.get("ended", 0), samples, sums.histograms.get(SLOWEST, NOTHING)
    )


def _sample(metric: MeanMetric, counts: Mapping[str, int]) -> Sample:
    total = counts.get(f"{metric}.total", 0)
    squares = counts.get(f"{metric}.squares", 0) + counts.get(f"{metric}.squares_high", 0) * PART
    return Sample(
        counts.get("csat.count" if metric == "csat" else "ended", 0),
        total,
        total if metric in SHARES else squares,
        UNITS_PER.get(metric, 1),
    )
