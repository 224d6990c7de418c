"""What does a message of the log count for in its workflow version, or in its tenant?"""

import re
from collections.abc import Callable, Mapping

from analytics.domain.cells import Subject
from analytics.domain.execution import ending_of, succeeded
from analytics.domain.rollup import Contribution
from contracts.budgets import BudgetExhausted, BudgetRaised
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent, MessageSuppressed, TurnRefused
from contracts.costs import CostRecorded
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenHandover,
)
from contracts.kpis import KpiRecorded
from contracts.tool_calls import (
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)

LABEL_CHARACTERS_MAX = 64
NOT_IN_LABEL = re.compile(r"[^A-Za-z0-9._ -]")
Counts = Mapping[str, int]


def contribution_of(tenant: str, entry: LogEntry) -> Contribution:
    """What this entry adds to its workflow version, if it ends an execution, or to its tenant."""
    message = entry.message
    if isinstance(message, ExecutionFinished):
        subject = Subject(
            tenant,
            "executions",
            label_of(message.workflow),
            label_of(message.version),
            stage=message.stage,
            outcome=ending_of(message),
        )
        values = {
            "latency_ms": max(0, message.finished_ms - message.started_ms),
            "cost_microdollars": message.cost_microdollars,
        }
        return Contribution(entry.sequence, subject, _execution(message), values)
    count = COUNTED.get(type(message)) if message is not None else None
    counts = {} if count is None or message is None else count(message)
    return Contribution(entry.sequence, Subject(tenant, "messages"), counts)


def _execution(message: ExecutionFinished) -> Counts:
    handed_over = message.sink == "HANDOVER"
    # In a stage before `auto` a person sends or approves what the version says, or nobody hears it.
    is_unaided = message.stage == "auto" and not handed_over and not message.people_asked
    is_turn = message.turn_id is not None
    counts = {
        "executions": 1,
        "successes": int(succeeded(message)),
        "handovers": int(handed_over),
        f"handovers_by_reason.{label_of(message.reason or 'none')}": int(handed_over),
        "turns": int(is_turn),
        "turn_handovers": int(is_turn and handed_over),
        "default_responses": int(message.default_response),
        "cost_microdollars": message.cost_microdollars,
        "completions": sum(node.completions for node in message.nodes),
        "tool_calls": sum(node.tool_calls for node in message.nodes),
        "node_failures": sum(node.outcome == "failed" for node in message.nodes),
        "shadow_executions": int(message.stage == "shadow"),
        "shadow_cost_microdollars": int(message.stage == "shadow") * message.cost_microdollars,
        "unaided": int(is_unaided),
        "unaided_ms": int(is_unaided) * max(0, message.finished_ms - message.started_ms),
    }
    return without_zeros(counts)


def label_of(text: str) -> str:
    """A bounded part of a name or an id, of characters that mean nothing there."""
    return NOT_IN_LABEL.sub("_", text[:LABEL_CHARACTERS_MAX])


def without_zeros(counts: Counts) -> dict[str, int]:
    """What did not happen takes no room."""
    return {name: count for name, count in counts.items() if count}


def _one(name: str) -> Callable[[Message], Counts]:
    return lambda _: {name: 1}


def _by(name: str, field: str) -> Callable[[Message], Counts]:
    """Counted under the name, and by the value of a field."""
    return lambda message: {name: 1, f"{name}_by_{field}.{label_of(str(getattr(message, field)))}": 1}


def _completion(message: Message) -> Counts:
    assert isinstance(message, CompletionProduced | CompletionFailed)
    produced = isinstance(message, CompletionProduced)
    counts = {
        "completions_produced" if produced else "completions_failed": 1,
        f"completions_by_model.{label_of(message.model or 'unknown')}": 1,
        "completion_cost_microdollars": message.cost_microdollars,
        "tokens_input": message.tokens_input,
        "tokens_cached": message.tokens_cached,
        "tokens_output": message.tokens_output,
    }
    if isinstance(message, CompletionFailed):
        counts[f"completions_failed_by_error_class.{label_of(message.error_class)}"] = 1
    return without_zeros(counts)


def _recorded(message: Message) -> Counts:
    """What requests over HTTP cost (those of the bus are counted by their completions), and what tools did: a fact that
    is told twice, or never, costs nothing more or less."""
    assert isinstance(message, CostRecorded)
    requests = [request for request in message.requests if request.source == "http"]
    counts = {
        "http_requests": len(requests),
        "http_requests_failed": sum(request.outcome != "ok" for request in requests),
        "http_cost_microdollars": sum(request.cost_microdollars for request in requests),
    }
    for entry in message.entries:
        if entry.tool is not None:
            for name in ("tool_cost_microdollars", f"tool_cost_microdollars_by_tool.{label_of(entry.tool)}"):
                counts[name] = counts.get(name, 0) + entry.spent_microdollars
    return without_zeros(counts)


COUNTED: Mapping[type[Message], Callable[[Message], Counts]] = {
    MessageReceived: _by("messages_received", "author"),
    MessageSent: _by("messages_sent", "author"),
    MessageSuppressed: _by("messages_suppressed", "reason"),
    TurnRefused: _by("turns_refused", "reason"),
    ConversationRated: _by("ratings", "rating"),
    OpenHandover: _by("handovers_opened", "reason"),
    HandoverClaimed: _one("handovers_claimed"),
    HandoverReleased: _one("handovers_released"),
    HandoverResolved: _one("handovers_resolved"),
    HandoverReturned: _one("handovers_returned"),
    HandoverRefused: _by("handovers_refused", "reason"),
    ApprovalDecided: _by("approvals_decided", "verdict"),
    CompletionProduced: _completion,
    CompletionFailed: _completion,
    ToolCallCompleted: _by("tool_calls_completed", "tool"),
    ToolCallFailed: _by("tool_calls_failed", "error_class"),
    ToolCallOutcomeUnknown: _by("tool_calls_unknown", "tool"),
    ToolCallApprovalRequired: _by("tool_calls_approval_required", "tool"),
    BudgetExhausted: _by("budgets_exhausted", "scope"),
    BudgetRaised: _by("budgets_raised", "scope"),
    CostRecorded: _recorded,
    KpiRecorded: _by("kpi_messages", "name"),
    ExperimentExposed: _by("conversations_exposed", "experiment"),
}
