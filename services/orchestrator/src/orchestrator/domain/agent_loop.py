"""How far is a reasoning node: complete, call the tools that were asked for, go on with their results?"""

from contracts.completions import CompletionProduced, PromptMessage, ToolCallRequest
from contracts.executions import Reason
from contracts.tool_calls import ExecuteToolCall
from orchestrator.domain.completion_step import Prompt, completion_step, completions_of
from orchestrator.domain.progress import Done, Ends, Failed, Progress, Settled, first_step
from orchestrator.domain.tool_step import Answered, tool_step
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue, Limit, Node, Retry


def loop_progress(view: View, node: Node, first_prompt: Prompt) -> Progress:
    """Iterations until an answer without tool calls, at most `iterations_max`; each completion and each tool call is a
    durable step of its own, calls of one iteration run side by side. Where the workflow says so, a loop without an
    answer begins anew while attempts are left."""
    most, attempts_max = node.limits.iterations_max, node.limits.attempts_max
    begins_anew = isinstance(node.reaction_to(Limit.ITERATIONS), Retry)
    for attempt in range(attempts_max if begins_anew else 1):
        progress = _loop(view, node, first_prompt, before=attempt * most)
        if progress is not None:
            return progress
    reason = Reason.MAX_RETRIES_EXCEEDED if begins_anew else Reason.MAX_ITERATIONS_EXCEEDED
    return Failed(Limit.ITERATIONS, reason, f"{node.id}: no answer after {most} iterations")


def _loop(view: View, node: Node, first_prompt: Prompt, *, before: int) -> Progress | None:
    """Progress of the iterations after `before`; None when none of them brought an answer."""
    prompt, continues, failures = first_prompt, None, 0
    for iteration in range(before + 1, before + node.limits.iterations_max + 1):
        step = completion_step(view, node, iteration=iteration, prompt=prompt, continues=continues)
        if not isinstance(step, Settled):
            return step
        produced = step.outcome.message
        assert isinstance(produced, CompletionProduced)
        if not produced.tool_calls:
            return Done(answer_of(produced))
        calls = _distinct(produced.tool_calls)
        states = [tool_step(view, node, call, iteration=iteration) for call in calls]
        answers = [state for state in states if isinstance(state, Answered)]
        has_gone_on = bool(completions_of(view, node, iteration + 1))
        if len(answers) < len(states) and not has_gone_on:  # Nothing is called of which the model will not hear.
            going_on = first_step(states)
            assert going_on is not None
            return _too_many(view, node, calls, iteration) or going_on
        failures = _consecutive_failures(failures, answers)
        ends = _ends(view, answers, failures)
        if ends is not None:
            return ends
        prompt, continues = _results(answers), step.issued.id
    return None


def answer_of(produced: CompletionProduced) -> JsonValue:
    """The node's output: the parsed answer, or {"text": ...} where no schema was asked for."""
    return produced.output if produced.output is not None else {"text": produced.text}


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


def _consecutive_failures(before: int, answers: list[Answered]) -> int:
    for answer in answers:
        before = before + 1 if answer.failed is not None else 0
    return before


def _ends(view: View, answers: list[Answered], failures: int) -> Ends | None:
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


def _results(answers: list[Answered]) -> Prompt:
    def prompt() -> tuple[PromptMessage, ...]:
        return tuple(
            PromptMessage(role="tool", tool_call_id=answer.call.tool_call_id, content=answer.text) for answer in answers
        )

    return prompt
