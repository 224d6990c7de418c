"""How far is a code node: plan, write code, have it run, look at what came of it, and again (SPEC O2)?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from contracts.completions import CompletionProduced, ToolCallRequest
from contracts.executions import Reason
from orchestrator.domain.call_turn import call_turn, consecutive_failures, ends_after, prompt_with
from orchestrator.domain.code_answer import CODE_TOOL, GiveAnswer, RunCode, Unusable, UseResult, read_answer
from orchestrator.domain.code_prompt import (
    INPUTS_MAX,
    CodeTask,
    Run,
    account_of,
    is_too_large,
    read_run,
    told,
    with_tool_results,
)
from orchestrator.domain.completion_step import Prompt, completion_step, completions_of
from orchestrator.domain.extent import extent_of
from orchestrator.domain.fit_schema import misfit
from orchestrator.domain.progress import Done, Ends, Failed, Progress, Ready, Settled, Waiting
from orchestrator.domain.tool_step import Answered, tool_step
from orchestrator.domain.untrusted import as_data
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue, Limit, Node

CODE_CALL: Final = "code"
"""Id of the call that runs the code; a model's own calls are made in other iterations."""
_MENDABLE: Final = frozenset({"invalid_arguments", "invalid_result"})
"""Refusals of a run that other code may escape; all others are the node's own failure."""


@dataclass(frozen=True, slots=True)
class _SoFar:
    """What the rounds before have come to. `rounds` counts runs, and answers that could not be used."""

    prompt: Prompt
    rounds: int = 0
    failures: int = 0
    answers: tuple[Answered, ...] = ()
    run: Run | None = None
    trouble: str = ""


_Next: TypeAlias = _SoFar | Done | Waiting | Ready | Failed | Ends


def code_progress(view: View, node: Node, task: CodeTask) -> Progress:
    """Rounds until the model ends with an answer that fits, at most `attempts_max`, in at most `iterations_max`
    completions. Each completion, each run and each tool call is a durable step of its own; between the runs the model
    may call the node's tools, whose results the next run gets."""
    too_large = _too_large(node, task) if node.id not in view.by_node else None
    if too_large is not None:
        return too_large
    so_far, continues = _SoFar(task.first_prompt), None
    for iteration in range(1, node.limits.iterations_max + 1):
        step = completion_step(view, node, iteration=iteration, prompt=so_far.prompt, continues=continues)
        if not isinstance(step, Settled):
            return step
        produced = step.outcome.message
        assert isinstance(produced, CompletionProduced)
        after = _Round(view, node, task, iteration).after(produced, so_far)
        if not isinstance(after, _SoFar):
            return after
        so_far, continues = after, step.issued.id
    detail = f"{node.id}: no answer after {node.limits.iterations_max} completions"
    return Failed(Limit.ITERATIONS, Reason.MAX_ITERATIONS_EXCEEDED, detail)


def _too_large(node: Node, task: CodeTask) -> Failed | None:
    extent = extent_of(task.inputs())
    if not is_too_large(extent):
        return None
    detail = f"{node.id}: its inputs have {extent} (limits: {INPUTS_MAX}); select less of them"
    return Failed(Limit.RETRIES, Reason.NODE_FAILED, detail)


@dataclass(frozen=True, slots=True)
class _Round:
    """What follows from one answer of the model."""

    view: View
    node: Node
    task: CodeTask
    iteration: int

    def after(self, produced: CompletionProduced, so_far: _SoFar) -> _Next:
        if produced.tool_calls:
            return self._after_calls(produced.tool_calls, so_far)
        match read_answer(produced.output):
            case RunCode(code):
                return self._after_run(code, so_far)
            case GiveAnswer(value):
                return self._ended_with(value, so_far)
            case UseResult():
                if so_far.run is None or so_far.run.error:
                    return self._unusable("there is no result: the last run failed, or there was none", so_far)
                return self._ended_with(so_far.run.result, so_far, told_as=self._data)
            case Unusable(problem):
                return self._unusable(problem, so_far)

    def _after_calls(self, asked: tuple[ToolCallRequest, ...], so_far: _SoFar) -> _Next:
        answers = call_turn(self.view, self.node, asked, iteration=self.iteration)
        if not isinstance(answers, list):
            return answers
        failures = consecutive_failures(so_far.failures, answers)
        ends = ends_after(self.view, answers, failures)
        if ends is not None:
            return ends
        known = (*so_far.answers, *answers)
        return replace(so_far, prompt=prompt_with(answers), failures=failures, answers=known)

    def _after_run(self, code: str, so_far: _SoFar) -> _Next:
        if so_far.rounds >= self.node.limits.attempts_max:
            return self._exhausted(so_far)
        inputs = with_tool_results(self.task.inputs(), so_far.answers)
        arguments: dict[str, JsonValue] = {"code": code, "inputs": inputs}
        call = ToolCallRequest(tool_call_id=CODE_CALL, tool=CODE_TOOL, arguments=arguments)
        state = tool_step(self.view, self.node, call, iteration=self.iteration)
        if not isinstance(state, Answered):
            has_gone_on = bool(completions_of(self.view, self.node, self.iteration + 1))
            return self._told(Run(error="its end is not known"), so_far) if has_gone_on else state
        if state.is_unknown:
            return Ends(Reason.TOOL_OUTCOME_UNKNOWN, f"{CODE_TOOL}: {state.text}"[:1_000])
        if state.failed is not None and state.error_class not in _MENDABLE:
            return replace(state.failed, detail=f"{self.node.id}: {state.failed.detail}"[:1_000])
        return self._told(read_run(state), so_far)

    def _told(self, run: Run, so_far: _SoFar) -> _SoFar:
        seed = self.view.id_of(self.node.id, f"run/{self.iteration}", 0)
        return self._next_round(account_of(run, seed=seed), replace(so_far, run=run, trouble=run.error))

    def _ended_with(self, value: JsonValue, so_far: _SoFar, *, told_as: Callable[[str], str] = str) -> _Next:
        problem = misfit(value, self.node.output_schema)
        if problem is None:
            return Done(value)
        return self._unusable(f"it does not fit its schema: {problem}", so_far, told_as=told_as)

    def _data(self, problem: str) -> str:
        """What does not fit is quoted, and may be a stranger's words that the code has read."""
        return as_data(problem, "your code", seed=self.view.id_of(self.node.id, f"misfit/{self.iteration}", 0))

    def _unusable(self, problem: str, so_far: _SoFar, *, told_as: Callable[[str], str] = str) -> _Next:
        so_far = replace(so_far, trouble=f"the answer cannot be used: {problem}")
        if so_far.rounds >= self.node.limits.attempts_max:
            return self._exhausted(so_far)
        return self._next_round(f"Your answer cannot be used: {told_as(problem)}.", so_far)

    def _next_round(self, text: str, so_far: _SoFar) -> _SoFar:
        left = self.node.limits.attempts_max - so_far.rounds - 1
        return replace(so_far, rounds=so_far.rounds + 1, prompt=told(text, rounds_left=left))

    def _exhausted(self, so_far: _SoFar) -> Failed:
        last = f", the last: {so_far.trouble}" if so_far.trouble else ""
        detail = f"{self.node.id}: no answer after {so_far.rounds} rounds{last}"[:1_000]
        return Failed(Limit.RETRIES, Reason.MAX_RETRIES_EXCEEDED, detail)
