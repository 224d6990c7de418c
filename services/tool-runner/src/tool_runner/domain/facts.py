"""Which message tells how a call ended?"""

from collections.abc import Callable

from contracts.envelope import derive_message_id
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallCompleted,
    ToolCallFact,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from pii import redact
from tool_runner.domain.outcome import DETAIL_CHARACTERS_MAX, Done, Failed, Verdict


def outcome_id(command_id: str) -> str:
    """The id of the one terminal fact of a command, whichever it is: of two that contradict, one is dropped."""
    return derive_message_id(command_id, "tool_call.outcome")


def fact_of(
    verdict: Verdict,
    command: ExecuteToolCall,
    command_id: str,
    *,
    latency_ms: int,
    repeated: bool = False,
    redacting: Callable[[str], str] = redact,
) -> ToolCallFact:
    """The terminal fact. `repeated`: answered from the ledger, the tool did not run for this command. `redacting`
    takes personal data out of details: contracts do not mark them, names of tools in them come from models, texts of
    errors from servers."""
    common = ToolCallFact(
        command_id=command_id,
        tool_call_id=command.tool_call_id,
        tool=command.tool,
        node=command.node,
        execution_id=command.execution_id,
        latency_ms=latency_ms,
    ).model_dump()
    match verdict:
        case Done(result, is_error):
            return ToolCallCompleted(**common, result=result, is_error=is_error, repeated=repeated)
        case Failed(error_class, detail, retryable, cap_reached):
            return ToolCallFailed(
                **common,
                error_class=error_class.value,
                detail=redacting(detail)[:DETAIL_CHARACTERS_MAX],
                retryable=retryable,
                cap_reached=cap_reached,
            )
    return ToolCallOutcomeUnknown(**common, detail=redacting(verdict.detail)[:DETAIL_CHARACTERS_MAX])
