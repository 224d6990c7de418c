"""What happened in an execution, line by line?"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.conversations import MessageReceived, MessageSent, MessageSuppressed, SendMessage, TurnRefused
from contracts.envelope import Decision, LogEntry, Message
from contracts.executions import ExecutionFinished, StartExecution
from contracts.handovers import ApprovalDecided, HandoverFact, OpenApproval, OpenHandover
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from hil.told_fields import named_fields

TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One stored message; `after_ms` counts from the first."""

    sequence: int
    after_ms: int
    kind: str
    execution: str
    node: str
    what: str
    cost_microdollars: int
    is_decision: bool


def timeline(entries: Sequence[LogEntry]) -> list[TimelineLine]:
    """Every message of a log with node, attempt, input, output and cost."""
    start = entries[0].timestamp_ms if entries else 0
    return [_line(entry, start) for entry in entries]


def _line(entry: LogEntry, start: int) -> TimelineLine:
    message = entry.message
    return TimelineLine(
        sequence=entry.sequence,
        after_ms=entry.timestamp_ms - start,
        kind=message.route.type.removeprefix("hil.") if message is not None else "unreadable",
        execution=str(getattr(message, "execution_id", None) or ""),
        node=str(getattr(message, "node", "")),
        what=_what(message)[:TEXT_MAX] if message is not None else "see `hil dlq list`",
        cost_microdollars=int(getattr(message, "cost_microdollars", 0)),
        is_decision=isinstance(message, Decision),
    )


def _what(message: Message) -> str:
    said = _conversation(message) or _completion(message) or _tool(message) or _person(message) or _money(message)
    return said or named_fields(message)


def _conversation(message: Message) -> str:
    match message:
        case MessageReceived() | MessageSent() | SendMessage():
            return message.text
        case MessageSuppressed():
            return f"{message.reason}: {message.text}"
        case TurnRefused():
            return f"{message.reason}: {message.detail}"
        case StartExecution():
            return f"{message.workflow} {message.input}"
        case ExecutionFinished():
            took = message.finished_ms - message.started_ms
            return f"{message.sink} {message.reason or ''} {took} ms, {message.cost_microdollars} µ$".replace("  ", " ")
        case _:
            return ""


def _completion(message: Message) -> str:
    match message:
        case RequestCompletion():
            return f"iteration {message.iteration}, attempt {message.attempt}, profile {message.profile}"
        case CompletionProduced():
            calls = ", ".join(call.tool for call in message.tool_calls)
            return f"{message.model}: {f'calls {calls}' if calls else message.text}"
        case CompletionFailed():
            return f"{message.error_class}: {message.detail}"
        case _:
            return ""


def _tool(message: Message) -> str:
    match message:
        case ExecuteToolCall():
            return f"{message.tool} {message.arguments}, attempt {message.attempt}"
        case ToolCallCompleted():
            return f"{message.tool}{' (error)' if message.is_error else ''}: {message.result}"
        case ToolCallFailed():
            return f"{message.tool}: {message.error_class}: {message.detail}"
        case ToolCallOutcomeUnknown() | ToolCallApprovalRequired():
            return message.tool
        case _:
            return ""


def _person(message: Message) -> str:
    match message:
        case OpenHandover():
            return f"{message.reason}: {message.detail}"
        case HandoverFact():
            return f"{message.actor_id}, epoch {message.ownership_epoch} {named_fields(message)}".rstrip()
        case OpenApproval():
            return message.ask
        case ApprovalDecided():
            return f"{message.verdict} by {message.actor_id}"
        case _:
            return ""


def _money(message: Message) -> str:
    match message:
        case BudgetExhausted():
            spent = f"{message.spent_microdollars} spent and {message.held_microdollars} held"
            asked = f"{message.requested_microdollars} µ$ on top of {spent}"
            return f"{message.scope} {message.scope_id} ({message.window}): {asked} pass {message.cap_microdollars}"
        case RaiseBudget():
            return f"{message.scope} {message.scope_id} ({message.window}) to {message.cap_microdollars} µ$"
        case BudgetRaised():
            cap = "uncapped" if message.cap_microdollars is None else f"{message.cap_microdollars} µ$"
            return f"{message.scope} {message.scope_id} ({message.window}): {cap} in force"
        case _:
            return ""
