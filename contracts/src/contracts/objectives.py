"""What does a version of a workflow promise, and when does it want to be told that a promise is broken?"""

from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Metric(StrEnum):
    """What an objective or an alert can be about. Rates are shares of 1, cost is in USD."""

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


class _Promise(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Bound(_Promise):
    """`metric comparison threshold`."""

    metric: Metric
    comparison: Comparison
    threshold: float

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.threshold:g}"


class Objective(_Promise):
    """Kept while `bound` is true."""

    name: str
    bound: Bound


class ConditionAlert(_Promise):
    """Raised while `bound` is true."""

    bound: Bound
    severity: Severity = "warning"


class Slos(_Promise):
    """The `slos` block of a workflow."""

    objectives: tuple[Objective, ...] = ()
    alerts: tuple[ConditionAlert, ...] = ()
    window_seconds: int = Field(2_592_000, gt=0, description="What is looked at, and the period of error budgets.")
    minimum_events: int = Field(20, ge=1, description="Fewer executions than these are no data.")
