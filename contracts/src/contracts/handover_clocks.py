"""Where does a handover wait, how long may it, and what became of that time?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Identifier, Message, message_type
from contracts.handovers import HandoverCommand

Clock = Literal["first_response", "next_response", "resolution"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OpenHours(BaseModel):
    """A span of a week day in which clocks run, local time; `until` 24:00 is the end of the day."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    day: Weekday
    since: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    until: str = Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")


class SlaTerms(BaseModel):
    """How long a customer may wait, in milliseconds of open hours; None: no clock. No hours: always open."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    first_response_ms: int | None = Field(None, gt=0)
    next_response_ms: int | None = Field(None, gt=0)
    resolution_ms: int | None = Field(None, gt=0)
    time_zone: str = Field("UTC", max_length=64, description="Name of the IANA time zone of the hours.")
    hours: tuple[OpenHours, ...] = Field((), max_length=50)


@message_type(
    "evt",
    "handover.delivered",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("hil-inbox", "client", "desktop"),
)
class HandoverDelivered(Message):
    """The packet reached the inbox: which queue it waits in, under which terms, and what the customer was told."""

    handover_id: str
    queue: str
    terms: SlaTerms = SlaTerms()
    agents_online: int = Field(description="People who could take it then.")
    fallback: Literal["none", "message", "callback", "overflow"] = Field(
        "none", description="What was done as nobody was online; with `overflow` the queue is the other one."
    )
    waiting_before: int = Field(0, description="Handovers of the queue that waited then: the customer's place - 1.")


@message_type("evt", "approval.delivered", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class ApprovalDelivered(Message):
    """The question reached the inbox: in which queue it waits. Its only clock is its expiry; nobody owns it, as the
    first verdict counts."""

    approval_id: str
    queue: str
    agents_online: int = Field(description="People who could decide it then.")
    fallback: Literal["none", "overflow"] = Field(
        "none", description="With `overflow` nobody was online, and the queue is the other one."
    )


@message_type("evt", "handover.due", owner="server", sent_by=("server",), read_by=("hil-inbox",))
class HandoverDue(Message):
    """A schedule of the inbox for this key came due; published by the server. A fold takes only the time from it."""

    due_ms: int = 0


@message_type("evt", "handover.breached", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class HandoverBreached(Message):
    """A clock ran out; once for each clock and due time."""

    handover_id: str
    clock: Clock
    due_ms: int
    owner_id: str | None = None
    queue: str = ""


@message_type("cmd", "handover.snooze", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class SnoozeHandover(HandoverCommand):
    """Put it aside until a time; its clocks stand still. A message of the customer wakes it earlier."""

    until_ms: int = Field(ge=0, le=2**53)


@message_type("cmd", "handover.wake", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class WakeHandover(HandoverCommand):
    """Go on with a snoozed one now."""


@message_type("evt", "handover.snoozed", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class HandoverSnoozed(Message):
    """Put aside; the owner stays."""

    handover_id: str
    actor_id: str
    until_ms: int
    at_ms: int = 0


@message_type("evt", "handover.woken", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class HandoverWoken(Message):
    """Snoozed no more."""

    handover_id: str
    actor_id: str = Field(description="Who, or `hil-inbox` when the time was over.")
    at_ms: int = 0


@message_type("cmd", "handover.transfer", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class TransferHandover(HandoverCommand):
    """Pass it on, to exactly one of agent, queue and team; by the owner or a supervisor."""

    to_agent_id: Identifier | None = None
    to_queue: str | None = Field(None, min_length=1, max_length=64)
    to_team: str | None = Field(None, min_length=1, max_length=64)
    note: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type("cmd", "handover.override", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class OverrideHandover(HandoverCommand):
    """A supervisor takes it from whoever owns it, for themselves, an agent, or back to the queue. A command of its own,
    so that permissions on subjects can keep agents from it."""

    to_agent_id: Identifier | None = Field(None, description="None: back to the queue.")
    reason: str = Field("", max_length=2_000)
