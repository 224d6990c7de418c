"""What is the state of one tool call of a node, approval by a person included?"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from contracts.completions import ToolCallRequest
from contracts.envelope import BasedOn, derive_message_id
from contracts.executions import Reason
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.attempts import step_state, success_of
from orchestrator.domain.caps import caps_of
from orchestrator.domain.code_answer import CODE_TOOL
from orchestrator.domain.over_cap import after_tool_refusal, refusal_of_tool
from orchestrator.domain.progress import Failed, Ready, Settled, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.untrusted import as_data, as_text, bounded, quotes_answer, read_untrusted
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue, Limit, Node, NodeKind

APPROVAL_EXPIRES_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Answered:
    """The call has an answer for the model or the next node. `failed`: the call itself failed or a person refused it,
    so it counts as an error in the loop; a tool's own "not found" (`is_error`) does not. `quotes`: the id of the call
    whose answer the error quotes."""

    call: ToolCallRequest
    content: JsonValue
    is_error: bool = False
    failed: Failed | None = None
    is_unknown: bool = False
    error_class: str = ""
    fact: ToolCallCompleted | None = None
    quotes: str = ""

    @property
    def text(self) -> str:
        """What came of it, in words."""
        return as_text(self.content)

    @property
    def text_for_model(self) -> str:
        """What a model gets to read: bounded, and marked as data where a stranger may have written it."""
        if self.quotes:
            return as_data(self.text, f"the tool {self.call.tool}", seed=self.quotes)
        if self.fact is None or not self.fact.untrusted:
            return bounded(self.text)
        seed, findings = self.fact.command_id, self.fact.suspicious
        return as_data(self.text, f"the tool {self.call.tool}", seed=seed, findings=findings)


ToolState: TypeAlias = Answered | Waiting | Ready | Failed


def tool_step(view: View, node: Node, call: ToolCallRequest, *, iteration: int) -> ToolState:
    """State of one call; a failure for good is an answer too, for the model to deal with. What a cap refused was no
    attempt."""
    ours = [issued for issued in view.by_node.get(node.id, ()) if _belongs(issued, call, iteration)]
    executions = [issued for issued in ours if isinstance(issued.message, ExecuteToolCall)]
    refusals = [refusal_of_tool(view, issued) for issued in executions]
    tries = [
        issued
        for issued, refusal in zip(executions, refusals, strict=True)
        if refusal is None and not _is_held(view, issued)
    ]
    settled = success_of(view, tries)
    if settled is None and executions and _is_held(view, executions[-1]):
        return _under_approval(view, node, call, ours=ours, iteration=iteration)
    newest = executions[-1].message if executions else None
    approval_id = newest.approval_id if isinstance(newest, ExecuteToolCall) else None
    # A person may have edited the arguments; every later attempt keeps the edit.
    arguments = newest.arguments if isinstance(newest, ExecuteToolCall) else call.arguments
    renewed = call.model_copy(update={"arguments": arguments})

    def next_try(_attempt: int) -> Ready:
        return _execute(view, node, renewed, number=(iteration, len(executions) + 1), approval_id=approval_id)

    if settled is None and refusals and refusals[-1] is not None:
        known = [refusal for refusal in refusals if refusal is not None]
        next_step = after_tool_refusal(view, node, known, again=lambda: next_try(len(tries) + 1))
        return next_step or _refused(call, _failure(known[-1]))
    state = settled or step_state(view, node, tries, next_try=next_try)
    if isinstance(state, Failed):
        return Answered(call, f"Error: {state.detail}", is_error=True, failed=state)
    return _answer(call, state) if isinstance(state, Settled) else state


def _answer(call: ToolCallRequest, settled: Settled) -> Answered:
    match settled.outcome.message:
        case ToolCallCompleted() as done:
            return Answered(call, done.result, is_error=done.is_error, fact=done)
        case ToolCallOutcomeUnknown() as unknown:
            return Answered(call, f"Unknown outcome: {unknown.detail}", is_error=True, is_unknown=True)
        case failed:
            assert isinstance(failed, ToolCallFailed)
            quotes = failed.command_id if quotes_answer(failed) else ""
            return replace(_refused(call, _failure(failed)), error_class=failed.error_class, quotes=quotes)


def _failure(failed: ToolCallFailed) -> Failed:
    detail = f"{failed.error_class}: {failed.detail}"
    if failed.error_class == "budget_exceeded":
        return Failed(Limit.COST, Reason.BUDGET_EXCEEDED, detail)
    return Failed(Limit.RETRIES, Reason.NODE_FAILED, detail)


def _refused(call: ToolCallRequest, failed: Failed) -> Answered:
    return Answered(call, f"Error: {failed.detail}", is_error=True, failed=failed)


def _belongs(issued: Issued, call: ToolCallRequest, iteration: int) -> bool:
    message = issued.message
    if isinstance(message, ExecuteToolCall):
        return message.tool_call_id == call.tool_call_id and message.iteration == iteration
    return isinstance(message, OpenApproval) and message.tool_call_id == f"{iteration}/{call.tool_call_id}"


def _is_held(view: View, issued: Issued) -> bool:
    outcome = view.outcome_of(issued)
    return outcome is not None and isinstance(outcome.message, ToolCallApprovalRequired)


def _under_approval(view: View, node: Node, call: ToolCallRequest, *, ours: list[Issued], iteration: int) -> ToolState:
    """The newest execution is held: a person is asked once for it, and what the person says is done."""
    held = max(place for place, issued in enumerate(ours) if isinstance(issued.message, ExecuteToolCall))
    attempts = sum(isinstance(issued.message, ExecuteToolCall) for issued in ours)
    if held == len(ours) - 1:
        return _ask(view, node, call, held=ours[held], number=(iteration, attempts))
    asked = ours[-1].message
    assert isinstance(asked, OpenApproval)
    verdict = view.verdict_on(ours[-1])
    if verdict is not None:
        return _after_verdict(view, node, call, verdict=verdict, number=(iteration, attempts + 1))
    if asked.expires_ms > view.log_ms:
        return Waiting(asked.expires_ms)
    return _refused(call, Failed(Limit.TIMEOUT, Reason.TIMEOUT, "nobody approved in time"))


def _after_verdict(
    view: View, node: Node, call: ToolCallRequest, *, verdict: ApprovalDecided, number: tuple[int, int]
) -> ToolState:
    match verdict.verdict:
        case "reject":
            detail = f"rejected by a human agent: {verdict.reason}"
            return _refused(call, Failed(Limit.RETRIES, Reason.NODE_FAILED, detail))
        case "respond":
            return Answered(call, verdict.answer)
        case "edit" if verdict.arguments is not None:
            call = call.model_copy(update={"arguments": verdict.arguments})
    return _execute(view, node, call, number=number, approval_id=verdict.approval_id)


def _ask(view: View, node: Node, call: ToolCallRequest, *, held: Issued, number: tuple[int, int]) -> Ready:
    outcome, (iteration, attempt) = view.outcome_of(held), number
    assert outcome is not None and isinstance(outcome.message, ToolCallApprovalRequired)
    assert isinstance(held.message, ExecuteToolCall)
    required, asked_for = outcome.message, held.message
    command_id = view.id_of(node.id, f"approval/{iteration}/{call.tool_call_id}", attempt)

    def build(based_on: BasedOn) -> OpenApproval:
        return OpenApproval(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            approval_id=command_id,
            kind="tool_call",
            node=node.id,
            ask=_question(asked_for),
            tool_call_id=f"{iteration}/{call.tool_call_id}",
            tool=call.tool,
            arguments=asked_for.arguments,
            arguments_hash=required.arguments_hash,
            policy=required.policy,
            policy_version=required.policy_version,
            on_expiry="reject",
            skills=node.skills or view.workflow.handover.skills,
            workflow=view.workflow.name,
            priority=node.priority or view.workflow.handover.priority,
            expires_ms=based_on.now_ms + APPROVAL_EXPIRES_MS,
        )

    return Ready(command_id, build, APPROVAL_EXPIRES_MS)


def _question(asked_for: ExecuteToolCall) -> str:
    """A person who approves should know whose words the AI may be following."""
    read = ", ".join(asked_for.read_untrusted)
    warning = f" It has read what strangers may have written, by way of {read}." if read else ""
    return f"May the AI call {asked_for.tool}?{warning}"


def _execute(
    view: View, node: Node, call: ToolCallRequest, *, number: tuple[int, int], approval_id: str | None
) -> Ready:
    iteration, attempt = number
    step = f"tool/{iteration}/{call.tool_call_id}"

    def build(based_on: BasedOn) -> ExecuteToolCall:
        return ExecuteToolCall(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            node=node.id,
            agent=node.agent,
            workflow=view.workflow.name,
            tool_call_id=call.tool_call_id,
            tool=call.tool,
            arguments=call.arguments,
            tools_allowed=_tools_allowed(node),
            idempotency_key=derive_message_id(view.id_of(node.id, step, 0), "idempotency"),
            attempt=attempt,
            iteration=iteration,
            approval_id=approval_id,
            caps=caps_of(view, node),
            timeout_ms=node.limits.timeout_ms,
            entity=view.entity,
            read_untrusted=read_untrusted(view, node, iteration=iteration),
        )

    return Ready(view.id_of(node.id, step, attempt), build, node.limits.timeout_ms)


def _tools_allowed(node: Node) -> tuple[str, ...]:
    if node.kind is NodeKind.CODE:
        return (*node.tools, CODE_TOOL)
    return node.tools or ((node.tool,) if node.tool is not None else ())
