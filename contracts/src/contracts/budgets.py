"""Which messages say that a money cap was reached, and raise it?"""

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Decision, Message, message_type


class CapReached(BaseModel):
    """The cap that refused something, with the figures of that moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    scope: str = Field(description="tenant | entity | workflow | execution | node | tool")
    scope_id: str = Field(description="<tenant>/<id>")
    window: str = Field("total", description="total | hour | day | month")
    cap_microdollars: int
    spent_microdollars: int
    held_microdollars: int = 0
    requested_microdollars: int = 0


class CapQuestion(CapReached):
    """May this cap be raised? A plain yes raises it to `proposed`; another figure lies within `least` and `most`."""

    proposed_microdollars: int
    least_microdollars: int
    most_microdollars: int


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
    window: str = Field("total", description="total | hour | day | month")


@message_type(
    "cmd",
    "budget.raise",
    owner="llm-gateway",
    sent_by=("orchestrator",),
    read_by=("llm-gateway",),
)
class RaiseBudget(Decision):
    """Raise the cap of one scope, as a human has decided: the execution goes on where it was."""

    scope: str = Field(description="tenant | entity | workflow | execution | node | tool")
    scope_id: str
    window: str = Field("total", description="total | hour | day | month")
    cap_microdollars: int = Field(ge=0, description="The new cap; one below the cap in force changes nothing.")
    approval_id: str | None = None
    node: str = ""


@message_type(
    "evt",
    "budget.raised",
    owner="llm-gateway",
    sent_by=("llm-gateway",),
    read_by=("orchestrator", "analytics"),
)
class BudgetRaised(Message):
    """A cap is in force from now on."""

    command_id: str | None = Field(None, description="The budget.raise that this answers.")
    scope: str = Field(description="tenant | entity | workflow | execution | node | tool")
    scope_id: str
    window: str = Field("total", description="total | hour | day | month")
    cap_microdollars: int | None = Field(ge=0, description="None: uncapped, said explicitly.")
    execution_id: str | None = None
    node: str = ""
