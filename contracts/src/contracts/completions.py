"""Which messages ask a model for a completion and bring its answer?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.budgets import CapReached
from contracts.envelope import Decision, Message, PiiText, message_type


class ToolCallRequest(BaseModel):
    """A tool call that a model asks for. `arguments` is the parsed JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tool_call_id: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})


class PromptMessage(BaseModel):
    """One message of a prompt, in the roles that model APIs share."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    role: Literal["system", "user", "assistant", "tool"]
    content: PiiText = ""
    tool_call_id: str | None = None
    tool_calls: tuple[ToolCallRequest, ...] = ()


class Cap(BaseModel):
    """A money cap of one scope. None says explicitly that this scope is uncapped; 0 refuses everything."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    scope: Literal["tenant", "entity", "workflow", "execution", "node", "tool"]
    id: str
    cap_microdollars: int | None


class CachePolicy(BaseModel):
    """May an answer be taken from, and kept in, the response cache? Answers made with tools or with personal data never
    are. `semantic` finds answers to questions that mean the same, within the same versions and locale only."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tier: Literal["exact", "semantic"] = "exact"
    ttl_seconds: int = Field(3_600, ge=1, le=30 * 24 * 3_600)
    knowledge_version: str = ""
    locale: str = ""


@message_type(
    "cmd",
    "completion.request",
    owner="llm-gateway",
    sent_by=("orchestrator",),
    read_by=("llm-gateway",),
)
class RequestCompletion(Decision):
    """One completion: one attempt of one iteration of a node. `messages` holds only what is new; the rest of an agent
    loop is the chain that `continues` points back through (each link: its messages, then its answer)."""

    node: str
    agent: str | None = None
    workflow: str = ""
    attempt: int = 1
    iteration: int = 1
    purpose: Literal["node", "summary"] = "node"
    profile: str = "balanced"
    messages: tuple[PromptMessage, ...] = ()
    continues: str | None = Field(None, description="Id of the request that this one goes on from.")
    summarises_until: int | None = Field(None, description="Of a summary: sequence of the last message it covers.")
    tools: tuple[str, ...] = Field((), description="Names or patterns such as shop.*")
    output_schema: dict[str, JsonValue] | None = None
    temperature: float | None = None
    caps: tuple[Cap, ...] = ()
    timeout_ms: int = 30_000
    entity: str | None = None
    cache: CachePolicy | None = Field(None, description="None: neither looked up nor kept.")
    output_tokens_max: int | None = Field(None, ge=1, description="None: as much as the model and the money allow.")


class CompletionFact(Message):
    """What answers and failures of completions have in common."""

    command_id: str
    node: str = ""
    execution_id: str | None = None
    workflow: str = ""
    model: str | None = None
    provider: str | None = None
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    cost_microdollars: int = 0
    latency_ms: int = 0
    fallbacks: tuple[str, ...] = Field((), description="Models that were tried before, with the reason.")
    profile: str | None = None
    cache: str = Field("none", description="none | exact | semantic | coalesced")
    skipped: tuple[str, ...] = Field((), description="Models that were passed over, with the reason.")
    masked: dict[str, int] = Field(default_factory=dict, description="Values masked before the call, by kind.")


@message_type(
    "evt",
    "completion.produced",
    owner="llm-gateway",
    sent_by=("llm-gateway",),
    read_by=("orchestrator", "analytics"),
)
class CompletionProduced(CompletionFact):
    """A model answered. `output` is the parsed answer where the request had an output schema."""

    text: PiiText = ""
    output: JsonValue = Field(None, json_schema_extra={"pii": True})
    tool_calls: tuple[ToolCallRequest, ...] = ()
    finish_reason: str = "stop"
    replayed: bool = False


@message_type(
    "evt",
    "completion.failed",
    owner="llm-gateway",
    sent_by=("llm-gateway",),
    read_by=("orchestrator", "analytics"),
)
class CompletionFailed(CompletionFact):
    """No answer. `retryable` says whether another attempt of the node can help."""

    error_class: str = Field(
        description="timeout | rate_limited | provider_error | provider_unreachable | invalid_output | "
        "budget_exceeded | unpriced_model | unknown_profile | context_too_long | invalid_request | "
        "content_filtered | no_candidate | masking_failed | overloaded"
    )
    detail: str = Field("", max_length=2_000)
    retryable: bool = False
    cap_reached: CapReached | None = Field(None, description="Of budget_exceeded: the cap that refused, if it was one.")
