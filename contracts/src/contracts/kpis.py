"""Which message says what a conversation was worth to the business?"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Message, message_type

REVENUE: Final = "revenue"
CONVERSION: Final = "conversion"
RETENTION: Final = "retention"
SALE_COMPLETED: Final = "sale_completed"
"""The outcome of an execution that books the `order_value` of its metadata as revenue (SPEC A5)."""
MICROS_MAX: Final = 10**15
"""A thousand million, in millionths: far over any order."""


class HandlingBaseline(BaseModel):
    """The `baseline` block of a workflow: what a person would take and cost for one execution (SPEC A5)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    handling_ms: int = Field(300_000, ge=0)
    hour_microdollars: int = Field(25_000_000, ge=0)


@message_type("evt", "kpi.recorded", owner="client", sent_by=("client",), read_by=("analytics",))
class KpiRecorded(Message):
    """Something that the business counts came of a conversation, which is the key: money, a conversion, a customer who
    stayed. One `kpi_id` counts once in its conversation, whatever is published how often; the first one counts."""

    kpi_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Chosen by the sender, as an order number.")
    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,47}$", description="`revenue`, `conversion`, `retention`, or one of your own."
    )
    value_micros: int = Field(
        1_000_000, ge=-MICROS_MAX, le=MICROS_MAX, strict=True,
        description="Millionths of the currency, or of 1 without one; negative takes back, as a refund does.",
    )  # fmt: skip
    currency: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="ISO 4217, for money; sums of different currencies are kept apart."
    )


def kpi_message_id(tenant: str, key: str, kpi_id: str) -> str:
    """`Nats-Msg-Id` of a business event: deduplication is per stream, so tenant and key come first."""
    return f"{tenant}:{key}:kpi:{kpi_id}"
