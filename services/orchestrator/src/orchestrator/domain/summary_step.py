"""Must older messages be summarised before a prompt can hold the conversation?"""

from contracts.completions import RequestCompletion
from contracts.envelope import BasedOn
from orchestrator.domain.attempts import step_state
from orchestrator.domain.caps import WHOLE_EXECUTION, caps_of
from orchestrator.domain.context import lines_to_summarise, summary_prompt
from orchestrator.domain.progress import Ready, Waiting
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Limits, Node, NodeKind

SUMMARY = Node(id="~summary", kind=NodeKind.SIMPLE, profile="fast", limits=Limits(timeout_ms=20_000, attempts_max=2))


def summary_step(view: View) -> Ready | Waiting | None:
    """The request for a summary, once an execution at most and only before its first node; None when there is nothing
    to wait for. When it fails, prompts go without the oldest messages."""
    asked = view.by_node.get(SUMMARY.id, [])
    turn = view.state.turns.get(view.execution.turn_id or "")
    if turn is None or view.by_node.keys() - {SUMMARY.id, WHOLE_EXECUTION}:
        return None
    lines = lines_to_summarise(view.state, turn.sequence, view.workflow.limits.context_tokens_max)
    if not lines:
        return None

    def next_try(attempt: int) -> Ready:
        def build(based_on: BasedOn) -> RequestCompletion:
            return RequestCompletion(
                execution_id=view.execution.id,
                workflow_hash=view.execution.workflow_hash,
                based_on=based_on,
                node=SUMMARY.id,
                workflow=view.workflow.name,
                attempt=attempt,
                purpose="summary",
                profile=SUMMARY.profile,
                messages=summary_prompt(view.state, lines, view.workflow.limits.context_tokens_max),
                summarises_until=lines[-1].sequence,
                caps=caps_of(view, SUMMARY),
                timeout_ms=SUMMARY.limits.timeout_ms,
                entity=view.entity,
            )

        return Ready(view.id_of(SUMMARY.id, "summary", attempt), build, SUMMARY.limits.timeout_ms)

    state = step_state(view, SUMMARY, asked, next_try=next_try)
    return state if isinstance(state, Ready | Waiting) else None
