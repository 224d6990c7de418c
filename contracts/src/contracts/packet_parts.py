"""What does a handover packet say of where it comes from, of the customer, of facts and of open approvals?

Nothing here is guessed: what the log does not hold is absent."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

PiiWord = Annotated[str, Field(json_schema_extra={"pii": True})]


class PacketOrigin(BaseModel):
    """Which execution handed over, and how far its log had been read."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tenant: str
    conversation: str = Field(description="The key of the log.")
    handover_id: str
    execution_id: str
    trigger_id: str | None = Field(None, description="Message that the execution worked on.")
    as_of_seq: int = Field(description="Stream sequence of the last message taken into account.")
    trace_id: str | None = Field(None, description="W3C trace id that the customer's message carried.")
    workflow: str = ""
    workflow_version: str = ""
    workflow_hash: str = Field("", description="Content hash of the version: prompts, limits and rules included.")
    model: str | None = Field(None, description="Of the newest answer of a model in this execution.")


class PacketCustomer(BaseModel):
    """Who is to be helped, as far as the client application said so in `entity`, `locale` and `metadata`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: PiiWord | None = Field(None, description="`entity` of the message.")
    language: str | None = Field(None, description="`locale` of the message, else metadata.language.")
    name: PiiWord | None = None
    channel: str | None = None
    time_zone: str | None = None
    tier: str | None = None
    verified: bool | None = None
    consent: bool | None = None


class PacketFact(BaseModel):
    """A fact with where it comes from."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    value: JsonValue = Field(json_schema_extra={"pii": True})
    source: str = Field("human_agent", description="human_agent: a person said so when giving the conversation back.")
    source_id: str | None = Field(None, description="Which person.")
    at_ms: int | None = None
    confidence: float | None = Field(None, ge=0, le=1, description="Of facts that a model found; people give none.")


class PacketApproval(BaseModel):
    """A question to people that is still open."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    kind: Literal["question", "tool_call"]
    node: str
    ask: PiiWord
    tool: str | None = None
    tool_call_id: str | None = None
    expires_ms: int


class PacketControl(BaseModel):
    """Who speaks when the packet is made."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    owner_id: str | None = None
    ownership_epoch: int
