"""How much worse than its baseline may a metric be?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.objectives import Metric
from hil.eval.figures import MEASURES, TRIALS_PASSED

_PERCENT = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)%\Z")
ALL_PASSED = "pass^k"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`absolute` in the metric's own unit, or a share of the baseline's value."""

    absolute: float = 0.0
    share: float = 0.0

    def allowed(self, before: float) -> float:
        return max(self.absolute, self.share * before)


DEFAULTS: Mapping[str, Tolerance] = MappingProxyType(
    {
        TRIALS_PASSED: Tolerance(),
        ALL_PASSED: Tolerance(),
        Metric.SUCCESS_RATE.value: Tolerance(),
        Metric.HANDOVER_RATE.value: Tolerance(),
        Metric.INTERVENTION_RATE.value: Tolerance(),
        Metric.COST_PER_REQUEST.value: Tolerance(share=0.10),
        Metric.LATENCY_P95.value: Tolerance(share=0.50),
        Metric.CSAT.value: Tolerance(absolute=0.2),
    }
)
"""What is gated unless a suite says otherwise. Chance is allowed for beside this, by a test."""


def _tolerance(value: object) -> object:
    """`0.02` is in the metric's own unit, `20%` a share of the baseline."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return Tolerance(absolute=float(value))
    if isinstance(value, str) and (found := _PERCENT.match(value)):
        return Tolerance(share=float(found[1]) / 100)
    raise ValueError("must be a number from 0 on, in the metric's own unit, or a share of the baseline such as 20%")


Name = Annotated[str, Field(pattern=f"^({'|'.join(re.escape(name) for name in (*MEASURES, ALL_PASSED))})$")]
_InFile = Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=r"^\d{1,5}(\.\d{1,3})?%$")]
Written = Annotated[Tolerance, BeforeValidator(_tolerance, json_schema_input_type=_InFile)]


class GateRules(BaseModel):
    """When a change of figures stops a release."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tolerances: dict[Name, Written] = Field(
        {},
        description="By metric; what is not named has its default.",
        json_schema_extra={"additionalProperties": False},
    )
    trials_min: int = Field(1, ge=1, le=1_000_000, description="Fewer trials than these, and nothing is decided.")

    def tolerance_of(self, metric: str) -> Tolerance | None:
        """None where the metric is not gated."""
        name = ALL_PASSED if metric.startswith("pass^") else metric
        return self.tolerances.get(name, DEFAULTS.get(name))
