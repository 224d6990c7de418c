"""Which messages say that a promise of a workflow is broken, or kept again?"""

from typing import Literal

from pydantic import Field

from contracts.envelope import Message, message_type
from contracts.objectives import Severity


@message_type("evt", "alert.changed", owner="analytics", sent_by=("analytics",), read_by=("analytics", "client"))
class AlertChanged(Message):
    """An alert has another phase now, or its receiver may hear of it now (SPEC A3). The key is the workflow's name."""

    workflow: str
    slo: str = Field(description="Name of the objective, or the condition that the workflow declares.")
    severity: Severity
    condition: str = Field(description="What is promised, such as success_rate >= 0.95, or the condition itself.")
    kind: Literal["burn", "bound"] = Field(description="An error budget that is spent too fast, or a condition.")
    before: Literal["ok", "pending", "firing", "resolved", "no_data"]
    after: Literal["ok", "pending", "firing", "resolved", "no_data"]
    at_ms: int = Field(description="End of the minute that was judged, Unix milliseconds.")
    firing_since_ms: int | None = Field(None, description="Since when it fires, or fired, where it does or did.")
    routed: bool = Field(description="Whether the receiver of alerts is told; not while silenced or new.")
