"""What is the state of one completion of a node?"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.completions import CachePolicy, CompletionFailed, CompletionProduced, PromptMessage, RequestCompletion
from contracts.envelope import BasedOn
from contracts.executions import Reason
from orchestrator.domain.attempts import step_state, success_of
from orchestrator.domain.caps import caps_of, node_is_spent
from orchestrator.domain.code_answer import answer_schema
from orchestrator.domain.over_cap import (
    REFUSALS_MAX,
    Again,
    after_refusal,
    ask_people,
    cost_steps,
    profile_in_use,
    refusal_of,
)
from orchestrator.domain.progress import Failed, Ready, Settled, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Limit, Node

Prompt = Callable[[], tuple[PromptMessage, ...]]
Caching = Callable[[], CachePolicy | None]


def never() -> None:
    """Answers are neither taken from the response cache nor kept in it: where tools are offered."""


@dataclass(frozen=True, slots=True)
class _New:
    """What a request brings; it is worked out only if one is made."""

    prompt: Prompt
    continues: str | None
    caching: Caching


def completions_of(view: View, node: Node, iteration: int) -> list[Issued]:
    """Requests of one iteration, oldest first."""
    return [
        issued
        for issued in view.by_node.get(node.id, ())
        if isinstance(issued.message, RequestCompletion) and issued.message.iteration == iteration
    ]


def completion_step(
    view: View, node: Node, *, iteration: int, prompt: Prompt, continues: str | None, caching: Caching = never
) -> Settled | Waiting | Ready | Failed:
    """State of the completion of `iteration` (from 1). `prompt` gives the messages that are new in it; it and
    `caching` are asked only if a request is to be made. What a cap refused was no attempt."""
    requests = completions_of(view, node, iteration)
    tries = [issued for issued in requests if refusal_of(view, issued) is None]

    def ask(profile: str) -> Ready | Waiting | Failed:
        spent = node_is_spent(view, node)
        if spent is not None:
            detail = f"{spent.spent_microdollars} of {spent.cap_microdollars} micro-dollars are spent"
            steps = cost_steps(view, node)
            return ask_people(view, steps, spent, node=node.id) or _over_budget(node, detail)
        number = (iteration, len(requests) + 1)
        return _request(view, node, number, profile=profile, new=_New(prompt, continues, caching))

    refusal = refusal_of(view, requests[-1]) if requests and success_of(view, tries) is None else None
    if refusal is not None:
        refusals = len(requests) - len(tries)
        next_step = after_refusal(view, node, refusal.cap_reached) if refusals < REFUSALS_MAX else None
        if isinstance(next_step, Again):
            return ask(next_step.profile)
        return next_step or _over_budget(node, refusal.detail)
    state = step_state(view, node, tries, next_try=lambda _attempt: ask(profile_in_use(view, node)))
    if isinstance(state, Settled) and not isinstance(state.outcome.message, CompletionProduced):
        assert isinstance(state.outcome.message, CompletionFailed)
        return _failure(node, state.outcome.message)
    return state


def _over_budget(node: Node, detail: str) -> Failed:
    """The node's money is spent."""
    return Failed(Limit.COST, Reason.BUDGET_EXCEEDED, f"{node.id}: {detail}")


def _failure(node: Node, failed: CompletionFailed) -> Failed:
    return Failed(Limit.RETRIES, Reason.NODE_FAILED, f"{node.id}: {failed.error_class}: {failed.detail}"[:1_000])


def _request(view: View, node: Node, number: tuple[int, int], *, profile: str, new: _New) -> Ready:
    iteration, attempt = number

    def build(based_on: BasedOn) -> RequestCompletion:
        return RequestCompletion(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            node=node.id,
            agent=node.agent,
            workflow=view.workflow.name,
            attempt=attempt,
            iteration=iteration,
            profile=profile,
            messages=new.prompt(),
            continues=new.continues,
            tools=node.tools,
            output_schema=answer_schema(node),
            temperature=node.temperature,
            cache=new.caching(),
            caps=caps_of(view, node),
            timeout_ms=node.limits.timeout_ms,
            entity=view.entity,
        )

    return Ready(view.id_of(node.id, f"completion/{iteration}", attempt), build, node.limits.timeout_ms)
