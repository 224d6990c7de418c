"""Which message says what was spent, and how each request to a model came to its answer?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Message, message_type


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CostEntry(_Record):
    """One change of what its scopes have spent; the sum of all entries of a scope is what it has spent, in any order.
    A lapsed reservation counts at its maximum; when its real cost becomes known, a second entry corrects it."""

    reservation_id: str
    request_id: str
    scopes: tuple[str, ...] = Field((), description="Keys of the books that the money is counted in.")
    spent_microdollars: int = Field(description="What is added; negative where a lapsed reservation took less.")
    reserved_microdollars: int = Field(0, ge=0)
    standing: Literal["settled", "lapsed", "released"] = "settled"
    recorded_ms: int = Field(0, ge=0, description="When, in milliseconds since 1970 UTC.")
    provider: str | None = None
    model: str | None = None
    tool: str | None = None
    outcome: str = Field("ok", description="ok, or the error class of this attempt.")
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    latency_ms: int = 0
    quotas: tuple[str, ...] = Field((), description="Keys of the books that the calls are counted in.")
    calls: int = Field(0, description="What is added to each of them; negative where a lapsed call was never made.")


class CandidateRecord(_Record):
    """What became of one model of the profile: called, or skipped for a reason."""

    model: str
    verdict: str = Field(description="answered | failed | not_needed | skipped")
    reason: str = Field("", max_length=300)


class RequestRecord(_Record):
    """How one request came to its answer: routing, money, cache and masking. Never a prompt or an answer."""

    request_id: str
    source: Literal["bus", "http"] = "bus"
    operation: str = "chat"
    key: str = Field("", description="Key of the log that the request belongs to, empty over HTTP.")
    entity: str | None = None
    workflow: str | None = None
    execution_id: str | None = None
    node: str | None = None
    profile: str = ""
    candidates: tuple[CandidateRecord, ...] = ()
    outcome: str = Field("ok", description="ok, or the error class.")
    model: str | None = None
    provider: str | None = None
    cache: str = Field("none", description="none | exact | semantic | coalesced")
    masked: dict[str, int] = Field(default_factory=dict, description="Values masked, by kind.")
    repaired: bool = False
    streamed: bool = False
    replayed: bool = False
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    cost_microdollars: int = 0
    latency_ms: int = 0
    recorded_ms: int = Field(0, ge=0, description="When it ended, in milliseconds since 1970 UTC.")


@message_type(
    "evt",
    "cost.recorded",
    owner="llm-gateway",
    sent_by=("llm-gateway", "tool-runner"),
    read_by=("analytics",),
)
class CostRecorded(Message):
    """The ledger: what was spent since the message before, several attempts at once. Its key is `costs-<day>`, so that
    it outlives the logs of the conversations. The books of the cost gate are rebuilt from it."""

    entries: tuple[CostEntry, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
