"""Which message tells how a call ended?"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.envelope import derive_message_id
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFact,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from pii import redact
from tool_runner.domain.outcome import DETAIL_CHARACTERS_MAX, ApprovalRequired, Done, Ended, Failed, Unknown


def outcome_id(command_id: str) -> str:
    """The id of the one terminal fact of a command, whichever it is: of two that contradict, one is dropped."""
    return derive_message_id(command_id, "tool_call.outcome")


@dataclass(frozen=True, slots=True)
class ResultMarks:
    """What is said of a result beside it: whether it is a stranger's text, and which signs of instructions it shows."""

    untrusted: bool = False
    suspicious: tuple[str, ...] = ()


def fact_of(
    ended: Ended,
    command: ExecuteToolCall,
    command_id: str,
    *,
    latency_ms: int,
    marks: ResultMarks = ResultMarks(),
    redacting: Callable[[str], str] = redact,
) -> ToolCallFact:
    """The terminal fact. `redacting` takes personal data out of details: contracts do not mark them, names of tools in
    them come from models, texts of errors from servers."""
    common = ToolCallFact(
        command_id=command_id,
        tool_call_id=command.tool_call_id,
        tool=command.tool,
        node=command.node,
        execution_id=command.execution_id,
        workflow=command.workflow,
        latency_ms=latency_ms,
        cost_microdollars=ended.cost_microdollars,
    ).model_dump()
    match ended.verdict:
        case Done(result, is_error):
            said = {"untrusted": marks.untrusted, "suspicious": marks.suspicious}
            return ToolCallCompleted(**common, **said, result=result, is_error=is_error, repeated=ended.repeated)
        case Failed(error_class, detail, retryable, cap_reached):
            return ToolCallFailed(
                **common,
                error_class=error_class.value,
                detail=redacting(detail)[:DETAIL_CHARACTERS_MAX],
                retryable=retryable,
                cap_reached=cap_reached,
            )
        case ApprovalRequired(policy, arguments_hash, version):
            held = {"policy": policy, "arguments_hash": arguments_hash, "policy_version": version}
            return ToolCallApprovalRequired(**common, **held)
        case Unknown(detail):
            return ToolCallOutcomeUnknown(**common, detail=redacting(detail)[:DETAIL_CHARACTERS_MAX])
