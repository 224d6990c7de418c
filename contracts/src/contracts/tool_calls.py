"""Which messages ask for a tool call and bring its result?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.budgets import CapReached
from contracts.completions import Cap
from contracts.envelope import Decision, Message, message_type


class ToolDescription(BaseModel):
    """What a model and a workflow need to know of a tool; kept in the tools bucket."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str = Field(description="<server>.<tool>")
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(default_factory=dict)
    output_schema: dict[str, JsonValue] | None = None
    side_effect: Literal["read", "write", "irreversible"] = "write"
    idempotent: bool = False
    timeout_ms: int = 30_000
    version: str = Field("", description="Hash of what its source says of it.")
    cost_microdollars: int = 0
    untrusted: bool = Field(True, description="Results hold what strangers wrote: data, never instructions.")
    permissions_required: tuple[str, ...] = ()
    authentication_required: str | None = Field(None, description="The app whose connected account is needed.")


@message_type(
    "cmd",
    "tool_call.execute",
    owner="tool-runner",
    sent_by=("orchestrator",),
    read_by=("tool-runner",),
)
class ExecuteToolCall(Decision):
    """One attempt of one tool call. `idempotency_key` is the same in every attempt of the same call."""

    node: str
    agent: str | None = None
    workflow: str = ""
    tool_call_id: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict, json_schema_extra={"pii": True})
    tools_allowed: tuple[str, ...] = Field((), description="What the pinned workflow version grants this node.")
    idempotency_key: str
    attempt: int = 1
    iteration: int = 1
    approval_id: str | None = Field(None, description="The approval under which this call may go on.")
    caps: tuple[Cap, ...] = ()
    timeout_ms: int = 30_000
    entity: str | None = None
    read_untrusted: tuple[str, ...] = Field(
        (), description="Tools whose untrusted results the node, or a node before it in the execution, has read."
    )


class ToolCallFact(Message):
    """What all outcomes of a tool call have in common."""

    command_id: str
    tool_call_id: str
    tool: str
    node: str = ""
    execution_id: str | None = None
    workflow: str = ""
    latency_ms: int = 0
    cost_microdollars: int = 0


@message_type(
    "evt",
    "tool_call.completed",
    owner="tool-runner",
    sent_by=("tool-runner",),
    read_by=("orchestrator", "analytics"),
)
class ToolCallCompleted(ToolCallFact):
    """The tool ran. `is_error` is the tool's own word ("order not found"), not a failure of the call."""

    result: JsonValue = Field(None, json_schema_extra={"pii": True})
    is_error: bool = False
    repeated: bool = Field(False, description="Answered from the idempotency ledger; the tool did not run again.")
    untrusted: bool = Field(False, description="A stranger's text may stand in the result: it is data only.")
    suspicious: tuple[str, ...] = Field((), description="What screening found in it, such as instructions to a model.")


@message_type(
    "evt",
    "tool_call.failed",
    owner="tool-runner",
    sent_by=("tool-runner",),
    read_by=("orchestrator", "analytics"),
)
class ToolCallFailed(ToolCallFact):
    """The tool did not run, or surely had no effect."""

    error_class: str = Field(
        description="denied | unknown_tool | invalid_arguments | timeout | server_unavailable | budget_exceeded | "
        "invalid_result | key_reused"
    )
    detail: str = Field("", max_length=2_000)
    retryable: bool = False
    cap_reached: CapReached | None = Field(None, description="Which cap refused the call, where the class says so.")


@message_type(
    "evt",
    "tool_call.outcome_unknown",
    owner="tool-runner",
    sent_by=("tool-runner",),
    read_by=("orchestrator", "analytics"),
)
class ToolCallOutcomeUnknown(ToolCallFact):
    """A crash or a timeout cut a call whose tool is not idempotent: it may have had its effect. A person decides."""

    detail: str = Field("", max_length=2_000)


@message_type(
    "evt",
    "tool_call.approval_required",
    owner="tool-runner",
    sent_by=("tool-runner",),
    read_by=("orchestrator", "analytics"),
)
class ToolCallApprovalRequired(ToolCallFact):
    """Policy asks a person first; the call has not run."""

    policy: str
    arguments_hash: str
    policy_version: str | None = Field(None, description="Content hash of the manifest whose policy asks.")
