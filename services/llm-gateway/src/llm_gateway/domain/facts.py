"""Which fact ends a request for a completion?"""

from dataclasses import dataclass

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.envelope import derive_message_id
from llm_gateway.domain.answer import NO_USAGE, Answer, Usage
from llm_gateway.domain.check_answer import Checked
from llm_gateway.domain.failure import Failure

_DETAIL_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Account:
    """What a request took in all its calls, failed ones included."""

    provider: str | None = None
    model: str | None = None
    usage: Usage = NO_USAGE
    cost_microdollars: int = 0
    latency_ms: int = 0
    fallbacks: tuple[str, ...] = ()


def outcome_id(command_id: str) -> str:
    """The id of the one terminal fact of a command, whichever it is: of two that contradict, one is dropped."""
    return derive_message_id(command_id, "completion.outcome")


def produced(
    command_id: str, command: RequestCompletion, account: Account, *, answer: Answer, checked: Checked
) -> CompletionProduced:
    return CompletionProduced(
        command_id=command_id,
        node=command.node,
        execution_id=command.execution_id,
        model=answer.model if answer.replayed else account.model,
        provider=account.provider,
        tokens_input=account.usage.tokens_input,
        tokens_cached=account.usage.tokens_cached,
        tokens_output=account.usage.tokens_output,
        cost_microdollars=account.cost_microdollars,
        latency_ms=account.latency_ms,
        fallbacks=account.fallbacks,
        text=answer.text,
        output=checked.output,
        tool_calls=checked.tool_calls,
        finish_reason=answer.finish_reason,
        replayed=answer.replayed,
    )


def failed(command_id: str, command: RequestCompletion, account: Account, failure: Failure) -> CompletionFailed:
    return CompletionFailed(
        command_id=command_id,
        node=command.node,
        execution_id=command.execution_id,
        model=account.model,
        provider=account.provider,
        tokens_input=account.usage.tokens_input,
        tokens_cached=account.usage.tokens_cached,
        tokens_output=account.usage.tokens_output,
        cost_microdollars=account.cost_microdollars,
        latency_ms=account.latency_ms,
        fallbacks=account.fallbacks,
        error_class=failure.error_class,
        detail=failure.detail[:_DETAIL_CHARACTERS_MAX],
        retryable=failure.retryable,
    )
