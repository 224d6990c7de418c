"""Which fact ends a request for a completion?"""

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.costs import RequestRecord
from contracts.envelope import derive_message_id
from llm_gateway.domain.call import Completed, NotCompleted
from llm_gateway.domain.failure import Failure

_DETAIL_CHARACTERS_MAX = 2_000


def outcome_id(command_id: str) -> str:
    """The id of the one terminal fact of a command, whichever it is: of two that contradict, one is dropped."""
    return derive_message_id(command_id, "completion.outcome")


def produced(command_id: str, command: RequestCompletion, completed: Completed) -> CompletionProduced:
    """The answer, with what it took in all its calls, failed ones included."""
    record, answer, checked = completed.record, completed.answer, completed.checked
    return CompletionProduced(
        command_id=command_id,
        node=command.node,
        execution_id=command.execution_id,
        workflow=command.workflow,
        model=record.model,
        provider=record.provider,
        tokens_input=record.tokens_input,
        tokens_cached=record.tokens_cached,
        tokens_output=record.tokens_output,
        cost_microdollars=record.cost_microdollars,
        latency_ms=record.latency_ms,
        fallbacks=completed.fallbacks,
        profile=command.profile,
        cache=record.cache,
        skipped=completed.skipped,
        masked=record.masked,
        text=answer.text,
        output=checked.output,
        tool_calls=checked.tool_calls,
        finish_reason=answer.finish_reason,
        replayed=answer.replayed,
    )


def failed(command_id: str, command: RequestCompletion, made: NotCompleted) -> CompletionFailed:
    """No answer, and what was spent on the way to none."""
    record, failure = made.record, made.failure
    return CompletionFailed(
        command_id=command_id,
        node=command.node,
        execution_id=command.execution_id,
        workflow=command.workflow,
        model=record.model,
        provider=record.provider,
        tokens_input=record.tokens_input,
        tokens_cached=record.tokens_cached,
        tokens_output=record.tokens_output,
        cost_microdollars=record.cost_microdollars,
        latency_ms=record.latency_ms,
        fallbacks=made.fallbacks,
        profile=command.profile,
        skipped=made.skipped,
        masked=record.masked,
        error_class=failure.error_class,
        detail=failure.detail[:_DETAIL_CHARACTERS_MAX],
        retryable=failure.retryable,
        cap_reached=made.over_budget.cap_reached if made.over_budget is not None else None,
    )


def refused(command_id: str, command: RequestCompletion, failure: Failure) -> CompletionFailed:
    """A command that was not even tried."""
    return failed(command_id, command, NotCompleted(failure, RequestRecord(request_id=command_id)))
