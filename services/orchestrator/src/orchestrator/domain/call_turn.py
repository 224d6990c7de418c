"""What is the state of the tool calls that a model asked for in one answer?"""

from contracts.completions import PromptMessage, ToolCallRequest
from contracts.executions import Reason
from contracts.tool_calls import ExecuteToolCall
from orchestrator.domain.completion_step import Prompt, completions_of
from orchestrator.domain.progress import Ends, Ready, Waiting, first_step
from orchestrator.domain.tool_step import Answered, tool_step
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Node


def call_turn(
    view: View, node: Node, asked: tuple[ToolCallRequest, ...], *, iteration: int
) -> list[Answered] | Ready | Waiting | Ends:
    """The answers in the order of the calls once all are there, or the next step; the calls run side by side."""
    calls = _distinct(asked)
    states = [tool_step(view, node, call, iteration=iteration) for call in calls]
    answers = [state for state in states if isinstance(state, Answered)]
    has_gone_on = bool(completions_of(view, node, iteration + 1))
    if len(answers) < len(states) and not has_gone_on:  # Nothing is called of which the model will not hear.
        going_on = first_step(states)
        assert going_on is not None
        return _too_many(view, node, calls, iteration) or going_on
    return answers


def consecutive_failures(before: int, answers: list[Answered]) -> int:
    """Calls in a row that failed, this turn's included; a tool's own "not found" is no failure."""
    for answer in answers:
        before = before + 1 if answer.failed is not None else 0
    return before


def ends_after(view: View, answers: list[Answered], failures: int) -> Ends | None:
    """Whether what the calls brought sends the execution to a person."""
    rules = view.workflow.handover
    unknown = next((answer for answer in answers if answer.is_unknown), None)
    if unknown is not None:
        return Ends(Reason.TOOL_OUTCOME_UNKNOWN, f"{unknown.call.tool}: {unknown.text}"[:1_000])
    transfer = next((a for a in answers if a.call.tool in rules.transfer_tools and a.failed is None), None)
    if transfer is not None:
        said = transfer.call.arguments.get("summary") or transfer.call.arguments.get("reason") or ""
        return Ends(Reason.AGENT_REQUEST, str(said)[:1_000])
    if failures >= rules.consecutive_errors_max:
        return Ends(Reason.CONSECUTIVE_ERRORS, f"{failures} tool calls in a row failed: {answers[-1].text}"[:1_000])
    return None


def prompt_with(answers: list[Answered]) -> Prompt:
    """The next prompt: what the model gets to read of each call."""

    def prompt() -> tuple[PromptMessage, ...]:
        return tuple(
            PromptMessage(role="tool", tool_call_id=answer.call.tool_call_id, content=answer.text_for_model)
            for answer in answers
        )

    return prompt


def _distinct(calls: tuple[ToolCallRequest, ...]) -> list[ToolCallRequest]:
    """Calls by id; a model that repeats an id in one answer repeats the call."""
    return list({call.tool_call_id: call for call in reversed(calls)}.values())[::-1]


def _too_many(view: View, node: Node, calls: list[ToolCallRequest], iteration: int) -> Ends | None:
    """Attempts and approvals of one call are one call."""
    most, issued = view.workflow.handover.tool_calls_max, _calls_issued(view)
    asked = issued | {(node.id, iteration, call.tool_call_id) for call in calls}
    if most is None or asked == issued or len(asked) <= most:
        return None
    return Ends(Reason.COMPLEXITY, f"{len(asked)} tool calls (limit {most})")


def _calls_issued(view: View) -> set[tuple[str, int, str]]:
    calls = (issued.message for issued in view.execution.commands.values())
    return {(c.node, c.iteration, c.tool_call_id) for c in calls if isinstance(c, ExecuteToolCall)}
