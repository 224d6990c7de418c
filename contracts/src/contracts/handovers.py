"""Which messages pass a conversation to a human agent and back, and ask for a verdict?"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.budgets import CapQuestion
from contracts.envelope import Decision, Identifier, Message, PiiText, message_type
from contracts.packet_parts import PacketApproval, PacketControl, PacketCustomer, PacketFact, PacketOrigin

Priority = Literal["low", "normal", "high", "urgent"]
Verdict = Literal["approve", "edit", "reject", "respond"]
ShortText = Annotated[str, Field(max_length=500, json_schema_extra={"pii": True})]


class PacketMessage(BaseModel):
    """One line of the transcript, with the id that summary sentences cite."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    author: str
    text: PiiText
    at_ms: int


class PacketAction(BaseModel):
    """A tool call that was tried, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    outcome: Literal["completed", "error", "failed", "unknown", "pending"]
    result: JsonValue = Field(None, description="Of an unknown one: what is known.", json_schema_extra={"pii": True})
    asked_ms: int = Field(0, description="When its last attempt was asked for; Unix milliseconds.")
    ended_ms: int | None = Field(None, description="When its outcome came into the log; none while it is pending.")
    arguments_hash: str | None = Field(None, description="As the tool runner gave it; only of calls that policy held.")


class SummarySentence(BaseModel):
    """One sentence and the messages or tool calls that it rests on."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    text: PiiText
    cites: tuple[str, ...]
    section: Literal["situation", "done", "open"] = "situation"
    is_machine_text: bool = Field(False, description="A model wrote it; others are put together from the log.")


class HandoverPacket(BaseModel):
    """All that a human agent needs at a glance; a pure function of the log (SPEC I4)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_version: Literal[1] = 1
    reason: str
    detail: str = ""
    ask: PiiText = Field("", description="What the customer wants, in the customer's or the agent's words.")
    summary: tuple[SummarySentence, ...] = ()
    summary_is_machine_text: bool = True
    transcript: tuple[PacketMessage, ...] = Field((), description="Newest 50; older ones are in the log.")
    transcript_is_complete: bool = True
    entity: str | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    actions: tuple[PacketAction, ...] = ()
    allowed_decisions: tuple[str, ...] = ("reply", "resolve", "return_to_ai")
    cost_microdollars: int = 0
    origin: PacketOrigin | None = None
    decision_needed: str = Field("", description="What the person must decide, by the reason code.")
    suggested_step: str = Field("", description="What to do first, by the reason code.")
    suggested_reply: PiiText = Field("", description="What the AI would have said; machine text, never sent.")
    customer: PacketCustomer | None = None
    known_facts: tuple[PacketFact, ...] = Field((), description="`facts` with their sources.")
    approvals: tuple[PacketApproval, ...] = Field((), description="Open ones; they end with the execution.")
    promises: tuple[PiiText, ...] = Field((), description="What people promised the customer before.")
    not_again: tuple[PiiText, ...] = Field((), description="What people told the AI not to do again.")
    priority: Priority = "normal"
    skills: tuple[str, ...] = ()
    control: PacketControl | None = None


@message_type(
    "cmd",
    "handover.open",
    owner="hil-inbox",
    sent_by=("orchestrator",),
    read_by=("hil-inbox", "analytics", "desktop"),
)
class OpenHandover(Decision):
    """A person is needed. The AI is silent from here until the conversation is returned."""

    handover_id: str
    turn_id: str | None = None
    reason: str
    detail: str = ""
    skills: tuple[str, ...] = ()
    workflow: str | None = Field(None, max_length=128, description="Name of the workflow that asks for a person.")
    priority: Priority = "normal"
    ownership_epoch: int = 0
    packet: HandoverPacket


class HandoverFact(Message):
    """A change of who may speak. `ownership_epoch` is the epoch from here on."""

    handover_id: str
    ownership_epoch: int
    actor_id: str
    at_ms: int = Field(0, description="Wall clock of the inbox when it decided; Unix milliseconds.")


@message_type(
    "evt",
    "handover.claimed",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("orchestrator", "hil-inbox", "analytics", "client", "desktop"),
)
class HandoverClaimed(HandoverFact):
    """One human agent owns the conversation; appended fenced, so exactly one claim wins."""

    agent_id: str
    reason: str = Field("claimed", description="claimed | assigned | transferred | overridden")
    previous_owner_id: str | None = Field(None, description="Whom it was taken from.")
    note: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type(
    "evt",
    "handover.released",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("orchestrator", "hil-inbox", "analytics", "desktop"),
)
class HandoverReleased(HandoverFact):
    """Back to the queue: nobody owns it."""

    reason: str = Field("released", description="released | transferred | rehomed | agent_offline")
    queue: str | None = Field(None, max_length=64, description="Where it waits from here on; None: where it was.")
    team: str | None = Field(None, max_length=64, description="Only for people of this team.")
    previous_owner_id: str | None = None
    note: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type(
    "evt",
    "handover.resolved",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("orchestrator", "hil-inbox", "analytics", "client", "desktop"),
)
class HandoverResolved(HandoverFact):
    """The person finished the matter; the customer's next message goes to the AI."""

    resolution: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type(
    "evt",
    "handover.returned",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("orchestrator", "hil-inbox", "analytics", "desktop"),
)
class HandoverReturned(HandoverFact):
    """The AI goes on, with what the person did and found."""

    outcome: str = Field("", max_length=2_000, json_schema_extra={"pii": True})
    facts: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    promises: tuple[PiiText, ...] = Field((), max_length=20, description="What the customer was promised.")
    not_again: tuple[PiiText, ...] = Field((), max_length=20, description="What the AI may not do (again).")


class HandoverCommand(Message):
    """What a desktop asks of the inbox. `ownership_epoch` is the epoch that the desktop saw."""

    command_id: Identifier = Field(description="Chosen by the sender; the same id has one effect.")
    handover_id: str = Field("", max_length=128, description="Empty: the open one of this conversation.")
    actor_id: Identifier
    ownership_epoch: int = Field(ge=0)


@message_type("cmd", "handover.claim", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class ClaimHandover(HandoverCommand):
    """Take the conversation; also without an open handover (take over from the AI)."""


@message_type("cmd", "handover.release", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class ReleaseHandover(HandoverCommand):
    """Put it back into the queue."""


@message_type("cmd", "handover.resolve", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class ResolveHandover(HandoverCommand):
    """Finish the matter."""

    resolution: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type("cmd", "handover.return", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class ReturnHandover(HandoverCommand):
    """Give it back to the AI."""

    outcome: str = Field("", max_length=2_000, json_schema_extra={"pii": True})
    facts: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    promises: tuple[ShortText, ...] = Field((), max_length=20)
    not_again: tuple[ShortText, ...] = Field((), max_length=20)


@message_type(
    "evt", "handover.refused", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop", "analytics")
)
class HandoverRefused(Message):
    """A desktop's command that had no effect, and who was first."""

    command_id: str
    handover_id: str
    actor_id: str
    reason: str = Field(
        description="already_claimed | stale_epoch | not_owner | no_open_handover | unknown_conversation | "
        "unknown_approval | already_decided | expired | execution_finished | invalid_verdict | stale_arguments | "
        "stale_policy | reply_in_flight | not_snoozed | unknown_suggestion | "
        "invalid_transfer | invalid_time"
    )
    owner_id: str | None = Field(None, description="Who was first: the owner, or who gave the verdict.")
    ownership_epoch: int
    approval_id: str | None = None
    detail: str = ""
    since_ms: int | None = Field(None, description="Since when the owner owns it; Unix milliseconds.")


@message_type(
    "cmd",
    "approval.open",
    owner="hil-inbox",
    sent_by=("orchestrator",),
    read_by=("hil-inbox", "desktop"),
)
class OpenApproval(Decision):
    """A person's verdict or answer is needed before the execution goes on; bound to exactly what was asked."""

    approval_id: str
    kind: Literal["question", "tool_call"]
    node: str
    ask: PiiText
    form: dict[str, JsonValue] | None = Field(None, description="JSON Schema of the answer.")
    tool_call_id: str | None = None
    tool: str | None = None
    arguments: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    arguments_hash: str | None = None
    policy: str | None = None
    policy_version: str | None = Field(None, description="Content hash of the manifest whose policy asked.")
    on_expiry: str = Field(
        "", description="What happens when nobody decides: reject | ask_again | fallback | default_response | handover."
    )
    budget: CapQuestion | None = Field(None, description="Of a question whether a cap may be raised: its figures.")
    skills: tuple[str, ...] = ()
    workflow: str | None = Field(None, description="Whose execution asks: queues are chosen by it, too.")
    priority: Priority = "normal"
    expires_ms: int = Field(description="Log time at which the declared reaction takes over; Unix milliseconds.")


@message_type("cmd", "approval.decide", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class DecideApproval(Message):
    """A desktop's verdict."""

    command_id: Identifier
    approval_id: str = Field(max_length=128)
    actor_id: Identifier
    verdict: Verdict
    arguments: dict[str, JsonValue] | None = Field(None, json_schema_extra={"pii": True})
    answer: JsonValue = Field(None, json_schema_extra={"pii": True})
    reason: str = Field("", max_length=2_000)
    reason_code: str = Field("", max_length=64, description="Of a rejection: one of the named ones.")
    arguments_hash: str | None = Field(None, max_length=128, description="Of what the person saw; another is refused.")
    policy_version: str | None = Field(None, max_length=128, description="The same for the policy.")
    dwell_ms: int | None = Field(None, ge=0, le=2**53, description="How long the person looked at it.")


@message_type(
    "evt",
    "approval.decided",
    owner="hil-inbox",
    sent_by=("hil-inbox",),
    read_by=("orchestrator", "hil-inbox", "analytics", "desktop"),
)
class ApprovalDecided(Message):
    """A person's verdict, decided exactly once: appended fenced."""

    approval_id: str
    verdict: Verdict
    actor_id: str
    arguments: dict[str, JsonValue] | None = Field(None, description="For edit.", json_schema_extra={"pii": True})
    answer: JsonValue = Field(None, description="For respond, and for questions.", json_schema_extra={"pii": True})
    reason: str = Field("", max_length=2_000)
    reason_code: str = ""
    edit_distance: int | None = Field(None, description="For edit: characters changed in the arguments as JSON.")
    dwell_ms: int | None = None
