"""What does a workflow promise (`slos`), and by which stages does a version of it go live (`deployment`)?"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias


class Metric(StrEnum):
    """What an objective or alert can be about (SPEC A3)."""

    SUCCESS_RATE = "success_rate"
    ERROR_RATE = "error_rate"
    HANDOVER_RATE = "handover_rate"
    INTERVENTION_RATE = "intervention_rate"
    COST_PER_REQUEST = "cost_per_request"
    LATENCY_P50 = "p50_latency_ms"
    LATENCY_P95 = "p95_latency_ms"
    LATENCY_P99 = "p99_latency_ms"
    CSAT = "csat"


Comparison: TypeAlias = Literal["<", "<=", ">", ">="]
Severity: TypeAlias = Literal["info", "warning", "critical"]
StageName: TypeAlias = Literal["shadow", "suggest", "review", "auto"]


@dataclass(frozen=True, slots=True)
class Bound:
    """`metric comparison threshold`; rates are shares of 1, cost is in USD, latency in milliseconds."""

    metric: Metric
    comparison: Comparison
    threshold: float


@dataclass(frozen=True, slots=True)
class Objective:
    """Kept while `bound` is true."""

    name: str
    bound: Bound


@dataclass(frozen=True, slots=True)
class Alert:
    """Raised while `bound` is true."""

    bound: Bound
    severity: Severity


@dataclass(frozen=True, slots=True)
class Slos:
    """Judged over `window_seconds`; fewer executions than `executions_min` are *no data*."""

    objectives: tuple[Objective, ...] = ()
    alerts: tuple[Alert, ...] = ()
    window_seconds: int = 2_592_000
    executions_min: int = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a rollout (SPEC R3). `duration_seconds` None is ongoing; `percent` of traffic is 0 to 100."""

    name: StageName
    duration_seconds: int | None
    percent: float
    mode: str | None = None
    collect_metrics: bool = True
    human_review_required: bool = False
    error_rate_max: float | None = None
