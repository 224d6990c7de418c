"""Is a step done, running, to be tried again, or failed for good?"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from contracts.budgets import RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.executions import Reason
from contracts.handovers import OpenApproval
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from orchestrator.domain.limits import GRACE_MS, backoff_ms
from orchestrator.domain.progress import Failed, Ready, Settled, Waiting
from orchestrator.domain.state import Issued, Outcome
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Limit, Node, Retry

SUCCESSES = (CompletionProduced, ToolCallCompleted)
NextTry: TypeAlias = Callable[[int], Ready | Waiting | Failed]
StepState: TypeAlias = Settled | Waiting | Ready | Failed


def step_state(view: View, node: Node, tries: Sequence[Issued], *, next_try: NextTry) -> StepState:
    """How far a step is whose commands so far are `tries`, oldest first.

    A success of any attempt counts, however late. Only a failure that says `retryable`, or a timeout, is tried again,
    at most `attempts_max` times in all."""
    settled = success_of(view, tries)
    if settled is not None:
        return settled
    if not tries:
        return next_try(1)
    last = tries[-1]
    outcome = view.outcome_of(last)
    due = last.at_ms + _timeout_ms(last) + GRACE_MS
    if outcome is None:
        return (
            _after_failure(view, node, tries, failed_ms=due, next_try=next_try) if due <= view.log_ms else Waiting(due)
        )
    if not getattr(outcome.message, "retryable", False):
        return Settled(last, outcome)
    return _after_failure(view, node, tries, failed_ms=outcome.at_ms, next_try=next_try)


def success_of(view: View, tries: Sequence[Issued]) -> Settled | None:
    """The first of `tries` that succeeded."""
    for issued in tries:
        outcome = view.outcome_of(issued)
        if outcome is not None and isinstance(outcome.message, SUCCESSES):
            return Settled(issued, outcome)
    return None


def _after_failure(
    view: View,
    node: Node,
    tries: Sequence[Issued],
    *,
    failed_ms: int,
    next_try: NextTry,
) -> StepState:
    error = _error_class(view.outcome_of(tries[-1]))
    if error == "timeout" and not isinstance(node.reaction_to(Limit.TIMEOUT), Retry):
        return Failed(Limit.TIMEOUT, Reason.TIMEOUT, f"{node.id}: no answer within {node.limits.timeout_ms} ms")
    if len(tries) >= node.limits.attempts_max:
        detail = f"{node.id}: {len(tries)} of {node.limits.attempts_max} attempts failed, the last with {error}"
        return Failed(Limit.RETRIES, Reason.MAX_RETRIES_EXCEEDED, detail)
    due = failed_ms + backoff_ms(node.limits.backoff, len(tries), seed=tries[-1].id)
    return Waiting(due) if due > view.log_ms else next_try(len(tries) + 1)


def _error_class(outcome: Outcome | None) -> str:
    """The error class of a failure; no outcome at all is a timeout."""
    if outcome is None:
        return "timeout"
    assert isinstance(outcome.message, CompletionFailed | ToolCallFailed)
    return outcome.message.error_class


def _timeout_ms(issued: Issued) -> int:
    assert not isinstance(issued.message, OpenApproval | RaiseBudget)  # These have an expiry of their own.
    return issued.message.timeout_ms
