"""Which message says that a money cap was reached?"""

from pydantic import Field

from contracts.envelope import Message, message_type


@message_type(
    "evt",
    "budget.exhausted",
    owner="llm-gateway",
    sent_by=("llm-gateway", "tool-runner"),
    read_by=("orchestrator", "hil-inbox", "analytics"),
)
class BudgetExhausted(Message):
    """A reservation was refused: `spent + held + requested` would pass the cap of one scope."""

    command_id: str
    execution_id: str | None = None
    node: str = ""
    scope: str = Field(description="tenant | entity | workflow | execution | node | tool")
    scope_id: str
    cap_microdollars: int
    spent_microdollars: int
    held_microdollars: int = 0
    requested_microdollars: int
