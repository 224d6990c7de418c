"""How far is a reasoning node: complete, call the tools that were asked for, go on with their results?"""

from contracts.completions import CompletionProduced
from contracts.executions import Reason
from orchestrator.domain.call_turn import call_turn, consecutive_failures, ends_after, prompt_with
from orchestrator.domain.completion_step import Prompt, completion_step
from orchestrator.domain.progress import Done, Failed, Progress, Settled
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
        answers = call_turn(view, node, produced.tool_calls, iteration=iteration)
        if not isinstance(answers, list):
            return answers
        failures = consecutive_failures(failures, answers)
        ends = ends_after(view, answers, failures)
        if ends is not None:
            return ends
        prompt, continues = prompt_with(answers), step.issued.id
    return None


def answer_of(produced: CompletionProduced) -> JsonValue:
    """The node's output: the parsed answer, or {"text": ...} where no schema was asked for."""
    return produced.output if produced.output is not None else {"text": produced.text}
