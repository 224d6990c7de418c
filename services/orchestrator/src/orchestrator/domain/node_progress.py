"""How far is one node, by its kind?"""

from dataclasses import replace

from contracts.completions import CompletionProduced, ToolCallRequest
from contracts.envelope import BasedOn
from contracts.executions import Reason
from contracts.handovers import OpenApproval
from orchestrator.domain.agent_loop import answer_of, loop_progress
from orchestrator.domain.cache_policy import cache_policy
from orchestrator.domain.code_node import code_progress
from orchestrator.domain.completion_step import completion_step
from orchestrator.domain.expression import evaluate_condition, render, render_value
from orchestrator.domain.node_prompt import Scope, code_task, first_prompt
from orchestrator.domain.progress import Done, Ends, Failed, Progress, Ready, Settled, Waiting
from orchestrator.domain.tool_step import Answered, tool_step
from orchestrator.domain.view import View
from orchestrator.domain.workflow import DefaultResponse, Fallback, Limit, Node, NodeKind, Retry


def node_progress(view: View, node: Node, scope: Scope) -> Progress:
    """Progress of a node whose turn has come; `scope` holds the outputs of the nodes before it."""
    match node.kind:
        case NodeKind.SIMPLE:
            return _simple(view, node, scope)
        case NodeKind.REASONING:
            return _confident(view, node, loop_progress(view, node, lambda: first_prompt(view, node, scope)))
        case NodeKind.CODE:
            return _confident(view, node, code_progress(view, node, code_task(view, node, scope)))
        case NodeKind.TOOL:
            return _tool(view, node, scope)
        case NodeKind.RULE:
            assert node.expression is not None
            return Done(evaluate_condition(node.expression, scope()))
        case NodeKind.HUMAN:
            return _human(view, node, scope)
        case _:
            assert node.kind is NodeKind.SINK
            return Done(None)


def _simple(view: View, node: Node, scope: Scope) -> Progress:
    step = completion_step(
        view,
        node,
        iteration=1,
        prompt=lambda: first_prompt(view, node, scope),
        continues=None,
        caching=lambda: cache_policy(node, scope),
    )
    if not isinstance(step, Settled):
        return step
    assert isinstance(step.outcome.message, CompletionProduced)
    return _confident(view, node, Done(answer_of(step.outcome.message)))


def _confident(view: View, node: Node, progress: Progress) -> Progress:
    """A declared threshold sends an unsure answer to a person."""
    least = node.confidence_min if node.confidence_min is not None else view.workflow.handover.confidence_min
    if least is None or not isinstance(progress, Done) or not isinstance(progress.output, dict):
        return progress
    confidence = progress.output.get("confidence")
    if isinstance(confidence, int | float) and confidence < least:
        detail = f"{node.id}: confidence {confidence:g} is below {least:g}"
        return Ends(Reason.LOW_CONFIDENCE, detail, unsure=(node.id, progress.output))
    return progress


def _tool(view: View, node: Node, scope: Scope) -> Progress:
    assert node.tool is not None
    arguments = render_value(dict(node.arguments), scope())
    assert isinstance(arguments, dict)
    call = ToolCallRequest(tool_call_id=node.id, tool=node.tool, arguments=arguments)
    state = tool_step(view, node, call, iteration=1)
    if not isinstance(state, Answered):
        return state
    if state.is_unknown:
        return Ends(Reason.TOOL_OUTCOME_UNKNOWN, f"{node.tool}: {state.text}"[:1_000])
    if state.failed is not None:
        return replace(state.failed, detail=f"{node.id}: {state.failed.detail}"[:1_000])
    if state.is_error:  # No model is there to read it: going on would build on nothing.
        return Failed(Limit.RETRIES, Reason.NODE_FAILED, f"{node.id}: {state.text}"[:1_000])
    return Done(state.content)


def _human(view: View, node: Node, scope: Scope) -> Progress:
    asked = view.by_node.get(node.id, [])
    if not asked:
        return _question(view, node, scope, 1)
    newest = asked[-1].message
    assert isinstance(newest, OpenApproval)
    verdict = view.verdict_on(asked[-1])
    if verdict is not None:
        return Done(verdict.answer if verdict.verdict == "respond" else verdict.verdict == "approve")
    if newest.expires_ms > view.log_ms:
        return Waiting(newest.expires_ms)
    if _asks_again(node, len(asked)):
        return _question(view, node, scope, len(asked) + 1)
    detail = f"{node.id}: nobody answered within {node.limits.timeout_ms} ms"
    return Failed(Limit.TIMEOUT, Reason.TIMEOUT, detail)


def _asks_again(node: Node, asked: int) -> bool:
    return isinstance(node.reactions.get(Limit.TIMEOUT), Retry) and asked < node.limits.attempts_max


def _on_expiry(view: View, node: Node, attempt: int) -> str:
    """What the person is told of the time after which nobody's answer counts."""
    if _asks_again(node, attempt):
        return "ask_again"
    reaction = view.reaction_to(node, Limit.TIMEOUT)
    match node.reaction_to(Limit.RETRIES) if isinstance(reaction, Retry) else reaction:
        case Fallback():
            return "fallback"
        case DefaultResponse():
            return "default_response"
        case _:
            return "handover"


def _question(view: View, node: Node, scope: Scope, attempt: int) -> Ready:
    command_id = view.id_of(node.id, "question", attempt)

    def build(based_on: BasedOn) -> OpenApproval:
        return OpenApproval(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            approval_id=command_id,
            kind="question",
            node=node.id,
            ask=render(node.ask, scope()),
            form=dict(node.form) if node.form is not None else None,
            on_expiry=_on_expiry(view, node, attempt),
            skills=node.skills or view.workflow.handover.skills,
            workflow=view.workflow.name,
            priority=node.priority or view.workflow.handover.priority,
            expires_ms=based_on.now_ms + node.limits.timeout_ms,
        )

    return Ready(command_id, build, node.limits.timeout_ms)
