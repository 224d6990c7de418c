"""What does one conversation of an experiment say, and what do many?

The unit is the conversation, since that is what was assigned: its executions are not independent of each other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.domain.cells import Subject
from analytics.domain.histogram import quantile
from analytics.domain.rollup import Contribution, Rollup
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed, MeanMetric

EXPOSED = "exposed."


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
    """One conversation in an arm: sums of its executions that ended. `slowest_ms` within 2 %, None before any ended."""

    version: str
    exposed_ms: int
    executions: int = 0
    successes: int = 0
    handovers: int = 0
    cost_microdollars: int = 0
    latency_ms: int = 0
    slowest_ms: float | None = None
    rating: int | None = None


def unit_of(rollup: Rollup, rating: int | None) -> Unit | None:
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
        slowest_ms=quantile(rollup.histogram("latency_ms"), 1.0),
        rating=rating,
    )


def _of_ended(value: Callable[[Unit], int]) -> Callable[[Unit], int | None]:
    return lambda unit: value(unit) if unit.executions else None


VALUES: Mapping[MeanMetric, Callable[[Unit], int | None]] = {
    "success_rate": _of_ended(lambda unit: int(unit.successes == unit.executions)),
    "error_rate": _of_ended(lambda unit: int(unit.successes < unit.executions)),
    "handover_rate": _of_ended(lambda unit: int(unit.handovers > 0)),
    "cost_usd": _of_ended(lambda unit: unit.cost_microdollars),
    "latency_ms": _of_ended(lambda unit: round(unit.latency_ms / unit.executions)),
    "csat": lambda unit: unit.rating,
}
"""Of one conversation: 1 if all of its executions succeeded, if one failed, if one went to people; micro-dollars in
all; milliseconds an execution; the rating. None where there is nothing to measure yet."""
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
    the slowest execution of each, ascending."""

    conversations: int
    ended: int
    samples: Mapping[MeanMetric, Sample]
    slowest_ms: Sequence[float]


def summary_of(units: Sequence[Unit]) -> ArmSummary:
    """In any order."""
    return ArmSummary(
        conversations=len(units),
        ended=sum(unit.executions > 0 for unit in units),
        samples={metric: _sample(metric, units) for metric in VALUES},
        slowest_ms=sorted(unit.slowest_ms for unit in units if unit.slowest_ms is not None),
    )


def _sample(metric: MeanMetric, units: Iterable[Unit]) -> Sample:
    value_of = VALUES[metric]
    values = [value for unit in units if (value := value_of(unit)) is not None]
    return Sample(len(values), sum(values), sum(value * value for value in values), UNITS_PER.get(metric, 1))
