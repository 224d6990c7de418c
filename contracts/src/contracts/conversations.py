"""Which messages carry a conversation between a customer, the AI and human agents?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.envelope import Decision, Identifier, Message, PiiText, message_type

TEXT_CHARACTERS_MAX = 65_536
Author = Literal["customer", "ai", "human_agent", "system"]
Notice = Literal["nobody_online", "callback", "rating"]


class Attachment(BaseModel):
    """A file by reference to the object store; never inline (SPEC C6)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    reference: str = Field(max_length=512, description="Object name in the payloads bucket: the content's sha256 hex.")
    media_type: str = Field(max_length=128)
    bytes_size: int = Field(ge=0, le=50 * 1024 * 1024)


@message_type(
    "evt",
    "message.received",
    owner="client",
    sent_by=("client", "hil-inbox"),
    read_by=("orchestrator", "hil-inbox", "analytics", "desktop"),
)
class MessageReceived(Message):
    """A customer wrote. One `turn_id` is answered once, whatever is delivered how often."""

    turn_id: Identifier = Field(description="Chosen by the client application; unique within the conversation.")
    text: str = Field(max_length=TEXT_CHARACTERS_MAX, json_schema_extra={"pii": True})
    author: Author = Field("customer", description="Only a customer's message starts a turn (anti-echo).")
    channel_message_id: str | None = Field(None, max_length=256, description="The channel's own id of this message.")
    workflow: str | None = Field(None, max_length=128, description="Workflow by name; None takes the tenant's route.")
    entity: str | None = Field(None, max_length=256, description="The customer or account that this is done for.")
    locale: str | None = Field(None, max_length=35)
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    metadata: dict[str, JsonValue] = Field(default_factory=dict, max_length=50, json_schema_extra={"pii": True})


@message_type("cmd", "message.send", owner="orchestrator", sent_by=("hil-inbox", "desktop"), read_by=("orchestrator",))
class SendMessage(Message):
    """A human agent's reply. Sent only while the agent owns the conversation in this epoch."""

    message_id: Identifier = Field(description="Chosen by the sender; the same id is sent once.")
    text: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX, json_schema_extra={"pii": True})
    author_id: Identifier
    ownership_epoch: int = Field(ge=0)
    hold_ms: int = Field(
        0, ge=0, le=60_000, description="It waits so long for `message.unsend`; again with 0 lets it go at once."
    )
    suggestion_id: str | None = Field(None, max_length=128, description="The draft that it was made from.")


@message_type(
    "cmd", "message.unsend", owner="orchestrator", sent_by=("hil-inbox", "desktop"), read_by=("orchestrator",)
)
class UnsendMessage(Message):
    """Take a reply back that is still held; what was sent stays sent."""

    message_id: Identifier
    author_id: Identifier


@message_type("cmd", "message.announce", owner="orchestrator", sent_by=("hil-inbox",), read_by=("orchestrator",))
class AnnounceMessage(Message):
    """The house has something to tell the customer, whoever speaks: nobody is here, please rate us."""

    message_id: Identifier = Field(description="Derived by the sender; the same id is sent once.")
    text: str = Field(min_length=1, max_length=4_000)
    notice: Notice


@message_type(
    "evt",
    "message.sent",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("client", "hil-inbox", "analytics", "desktop"),
)
class MessageSent(Decision):
    """The one place where a message to the customer exists; the client application delivers it."""

    message_id: str
    turn_id: str | None = None
    text: PiiText
    author: Author = "ai"
    author_id: str | None = None
    ownership_epoch: int = 0
    kind: Literal["reply", "default_response", "human_reply"] = "reply"
    reason: str | None = Field(None, description="Of a default response: the reason code of the handover that follows.")
    replayed: bool = Field(False, description="The text came from the replay model, not from a real one.")
    notice: Notice | None = Field(
        None, description="Of a message of the house (author `system`): what about. `rating` asks for a number 1 to 5."
    )


@message_type(
    "evt",
    "message.suppressed",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("hil-inbox", "analytics", "desktop"),
)
class MessageSuppressed(Decision):
    """A message that was written but must not reach the customer; kept, never sent."""

    message_id: str
    turn_id: str | None = None
    text: PiiText
    author: Author = "ai"
    author_id: str | None = None
    reason: str = Field(description="stale_epoch | not_owner | duplicate_reply | undone")
    ownership_epoch: int = Field(0, description="The epoch that it was written under.")
    current_epoch: int = 0


@message_type("evt", "turn.refused", owner="orchestrator", sent_by=("orchestrator",), read_by=("client", "analytics"))
class TurnRefused(Decision):
    """A customer's message that starts no turn, and why."""

    turn_id: str
    input_id: str = Field(description="Id of the refused message.")
    reason: str = Field(description="text_conflict | echo | flood | queue_full | unknown_workflow")
    detail: str = ""


@message_type(
    "cmd",
    "conversation.close",
    owner="orchestrator",
    sent_by=("client", "hil-inbox"),
    read_by=("orchestrator",),
)
class CloseConversation(Message):
    """End an idle conversation now; a later message opens it again."""

    reason: str = Field("asked", max_length=256)


@message_type(
    "evt",
    "conversation.closed",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("client", "hil-inbox", "orchestrator"),
)
class ConversationClosed(Decision):
    """Nothing is going on and nothing is owed; the log may be archived."""

    reason: str = Field(description="idle | asked")


@message_type(
    "evt",
    "conversation.rated",
    owner="client",
    sent_by=("client", "hil-inbox"),
    read_by=("hil-inbox", "analytics", "desktop"),
)
class ConversationRated(Message):
    """The customer's answer to a message that asked for a rating (CSAT); the first one counts."""

    rating: int = Field(ge=1, le=5, description="1 bad to 5 good.")
    comment: str = Field("", max_length=2_000, json_schema_extra={"pii": True})
    handover_id: str | None = Field(None, max_length=128, description="None: the last one that a person resolved.")
