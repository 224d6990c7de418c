"""Which messages start, stop, time and end an execution?"""

from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.envelope import Decision, Identifier, Message, message_type


class Reason(StrEnum):
    """Reason codes of HANDOVER. The set is open: readers accept others."""

    LOW_CONFIDENCE = "low_confidence"
    CUSTOMER_REQUEST = "customer_request"
    AGENT_REQUEST = "agent_request"
    WORKFLOW_DECISION = "workflow_decision"
    POLICY = "policy"
    COMPLEXITY = "complexity"
    CONSECUTIVE_ERRORS = "consecutive_errors"
    MAX_RETRIES_EXCEEDED = "max_retries_exceeded"
    TIMEOUT = "timeout"
    MAX_ITERATIONS_EXCEEDED = "max_iterations_exceeded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    BUDGET_EXCEEDED = "budget_exceeded"
    BREAKER_OPEN = "breaker_open"
    TOOL_OUTCOME_UNKNOWN = "tool_outcome_unknown"
    NO_MATCHING_EDGE = "no_matching_edge"
    LOG_LIMIT = "log_limit"
    TAKEN_OVER = "taken_over"
    STOPPED = "stopped"
    AI_STOPPED = "ai_stopped"
    VERSION_MISSING = "version_missing"
    NODE_FAILED = "node_failed"
    EMPTY_REPLY = "empty_reply"


SUCCESSFUL_REASONS = frozenset(
    {
        Reason.CUSTOMER_REQUEST,
        Reason.AGENT_REQUEST,
        Reason.WORKFLOW_DECISION,
        Reason.POLICY,
        Reason.LOW_CONFIDENCE,
        Reason.COMPLEXITY,
        Reason.AI_STOPPED,
    }
)
"""Handovers that the customer or a policy asked for count as success (SPEC A3); all others are failures."""


StageName: TypeAlias = Literal["shadow", "suggest", "review", "auto"]


class NodeMetrics(BaseModel):
    """What one node of an execution took."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    node: str
    agent: str | None = None
    outcome: Literal["done", "failed", "skipped", "unfinished"]
    attempts: int = 0
    completions: int = 0
    tool_calls: int = 0
    cost_microdollars: int = 0
    duration_ms: int = 0
    error_class: str | None = None


@message_type("cmd", "execution.start", owner="orchestrator", sent_by=("client",), read_by=("orchestrator",))
class StartExecution(Message):
    """Standalone mode: run a workflow on an input. The key is the execution id, so starting twice is starting once."""

    workflow: Identifier
    input: dict[str, JsonValue] = Field(default_factory=dict, max_length=200, json_schema_extra={"pii": True})
    entity: str | None = Field(None, max_length=256)
    metadata: dict[str, JsonValue] = Field(default_factory=dict, max_length=50, json_schema_extra={"pii": True})


@message_type("cmd", "execution.stop", owner="orchestrator", sent_by=("client", "hil-inbox"), read_by=("orchestrator",))
class StopExecution(Message):
    """End the running execution of this key at its next decision."""

    reason: str = Field("asked", max_length=256)
    asked_by: str | None = Field(None, max_length=128)


@message_type(
    "evt",
    "execution.refused",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("client",),
)
class ExecutionRefused(Decision):
    """A standalone execution that cannot start, and why."""

    reason: str = Field(description="unknown_workflow")
    detail: str = ""


@message_type(
    "evt",
    "execution.finished",
    owner="orchestrator",
    sent_by=("orchestrator",),
    read_by=("client", "hil-inbox", "analytics", "orchestrator"),
)
class ExecutionFinished(Decision):
    """An execution reached its sink. `success` as SPEC A3 defines it."""

    sink: Literal["FINISH", "HANDOVER"]
    success: bool
    mode: Literal["conversation", "standalone"]
    reason: str | None = None
    detail: str = ""
    turn_id: str | None = None
    workflow: str
    version: str
    entity: str | None = None
    output: JsonValue = Field(None, json_schema_extra={"pii": True})
    cost_microdollars: int = 0
    started_ms: int
    finished_ms: int
    nodes: tuple[NodeMetrics, ...] = ()
    default_response: bool = False
    replayed: bool = False
    people_asked: int = Field(0, description="Questions and approvals that it put to people, not counting a handover.")
    outcome: str | None = Field(None, max_length=64, description="What the FINISH sink calls it, as `sale_completed`.")
    metadata: dict[str, str | int | float | bool] = Field(
        default_factory=dict, max_length=20, json_schema_extra={"pii": True},
        description="What the FINISH sink tells of it. `order_value` of `sale_completed` is booked as revenue.",
    )  # fmt: skip
    stage: StageName = Field("auto", description="The stage of the rollout in which its version ran (SPEC R3).")


@message_type("evt", "timer.fired", owner="server", sent_by=("server",), read_by=("orchestrator",))
class TimerFired(Message):
    """A schedule of this key came due; published by the server. A fold takes only the time from it."""

    timer_id: str = "wake"
    due_ms: int = 0


@message_type(
    "evt",
    "pattern.detected",
    owner="orchestrator",
    sent_by=("orchestrator", "analytics"),
    read_by=("client", "hil-inbox"),
)
class PatternDetected(Message):
    """The same error class at the same node, across executions (SPEC O11). The key is the workflow's name. The
    orchestrator opens the node's breaker and says so; analytics says what is far above the node's own base rate."""

    workflow: str
    node: str
    error_class: str
    failures: int
    window_seconds: int
    breaker_open_until_ms: int = Field(description="0 where no breaker was opened.")
    executions: tuple[str, ...] = Field((), description="Examples: keys of logs in which it happened, at most 5.")
    runs: int | None = Field(None, description="Of the node in the window; none from the orchestrator.")
    base_rate: float | None = Field(None, description="Share of runs that met the error before; none as above.")
