"""What is the state of one completion of a node?"""

from collections.abc import Callable

from contracts.completions import CompletionFailed, CompletionProduced, PromptMessage, RequestCompletion
from contracts.envelope import BasedOn
from contracts.executions import Reason
from orchestrator.domain.attempts import step_state
from orchestrator.domain.progress import Failed, Ready, Settled, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Limit, Node

Prompt = Callable[[], tuple[PromptMessage, ...]]


def completions_of(view: View, node: Node, iteration: int) -> list[Issued]:
    """Requests of one iteration, oldest first."""
    return [
        issued
        for issued in view.by_node.get(node.id, ())
        if isinstance(issued.message, RequestCompletion) and issued.message.iteration == iteration
    ]


def completion_step(
    view: View, node: Node, *, iteration: int, prompt: Prompt, continues: str | None
) -> Settled | Waiting | Ready | Failed:
    """State of the completion of `iteration` (from 1). `prompt` gives the messages that are new in it, and is asked
    only if a request is to be made."""

    def next_try(attempt: int) -> Ready | Failed:
        cap = node.limits.cost_max_microdollars
        if cap is not None and view.spent(node.id) >= cap:
            return over_budget(node, f"{view.spent(node.id)} of {cap} micro-dollars are spent")
        return _request(view, node, (iteration, attempt), prompt=prompt, continues=continues)

    state = step_state(view, node, completions_of(view, node, iteration), next_try=next_try)
    if isinstance(state, Settled) and not isinstance(state.outcome.message, CompletionProduced):
        assert isinstance(state.outcome.message, CompletionFailed)
        return _failure(node, state.outcome.message)
    return state


def over_budget(node: Node, detail: str) -> Failed:
    """The node's money is spent."""
    return Failed(Limit.COST, Reason.BUDGET_EXCEEDED, f"{node.id}: {detail}")


def _failure(node: Node, failed: CompletionFailed) -> Failed:
    if failed.error_class == "budget_exceeded":
        return over_budget(node, failed.detail)
    return Failed(Limit.RETRIES, Reason.NODE_FAILED, f"{node.id}: {failed.error_class}: {failed.detail}"[:1_000])


def _request(view: View, node: Node, number: tuple[int, int], *, prompt: Prompt, continues: str | None) -> Ready:
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
            profile=node.profile,
            messages=prompt(),
            continues=continues,
            tools=node.tools,
            output_schema=dict(node.output_schema) if node.output_schema is not None else None,
            temperature=node.temperature,
            caps=view.caps_of(node),
            timeout_ms=node.limits.timeout_ms,
            entity=view.entity,
        )

    return Ready(view.id_of(node.id, f"completion/{iteration}", attempt), build, node.limits.timeout_ms)
