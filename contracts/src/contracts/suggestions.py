"""Which drafts does the AI offer to human agents, and what became of them?"""

from typing import Literal

from pydantic import Field

from contracts.conversations import TEXT_CHARACTERS_MAX
from contracts.envelope import Decision, Identifier, Message, PiiText, message_type


@message_type(
    "cmd", "suggestion.request", owner="orchestrator", sent_by=("hil-inbox", "desktop"), read_by=("orchestrator",)
)
class RequestSuggestion(Message):
    """A human agent who owns the conversation wants a draft of the next reply."""

    suggestion_id: Identifier = Field(description="Chosen by the sender; the same id gives one draft.")
    actor_id: Identifier
    ownership_epoch: int = Field(ge=0)
    instruction: str = Field("", max_length=2_000, json_schema_extra={"pii": True})


@message_type(
    "cmd",
    "suggestion.offer",
    owner="hil-inbox",
    sent_by=("orchestrator",),
    read_by=("hil-inbox", "desktop"),
)
class OfferSuggestion(Decision):
    """A draft for a human agent; machine text that no customer has seen."""

    suggestion_id: str
    text: PiiText
    origin: Literal["asked", "late_answer", "handover"] = Field(
        description="Asked for; written as a person had already taken over; or offered with the handover."
    )
    turn_id: str | None = None
    error: str = Field("", description="Why there is no draft; the text is empty then.")
    replayed: bool = False


@message_type("cmd", "suggestion.settle", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class SettleSuggestion(Message):
    """What a person did with a draft. One that was sent as a reply is settled by the reply itself."""

    command_id: Identifier
    suggestion_id: str = Field(max_length=128)
    actor_id: Identifier
    outcome: Literal["dismissed"] = "dismissed"
    reason: str = Field("", max_length=500)
    dwell_ms: int | None = Field(None, ge=0, le=2**53)


@message_type("evt", "suggestion.settled", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class SuggestionSettled(Message):
    """A draft was used as it was, edited, or dismissed; the first counts."""

    suggestion_id: str
    actor_id: str
    outcome: Literal["used", "edited", "dismissed"]
    edit_distance: int | None = Field(None, description="Characters changed between draft and reply (Levenshtein).")
    text_characters: int = Field(0, le=TEXT_CHARACTERS_MAX, description="Of the draft.")
    reason: str = ""
    dwell_ms: int | None = None
    message_id: str | None = Field(None, description="The reply that it became.")
