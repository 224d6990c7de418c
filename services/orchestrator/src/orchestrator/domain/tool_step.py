"""What is the state of one tool call of a node, approval by a person included?"""

import json
from dataclasses import dataclass
from typing import TypeAlias

from contracts.completions import ToolCallRequest
from contracts.envelope import BasedOn, derive_message_id
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.attempts import step_state
from orchestrator.domain.progress import Failed, Ready, Settled, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue, Node

APPROVAL_EXPIRES_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Answered:
    """The call has an answer for the model or the next node. `is_failure`: the call itself failed, so it counts as an
    error; a tool's own "not found" (`is_error`) does not."""

    call: ToolCallRequest
    content: JsonValue
    is_error: bool = False
    is_failure: bool = False
    is_unknown: bool = False

    @property
    def text(self) -> str:
        """What a model gets to read."""
        return self.content if isinstance(self.content, str) else json.dumps(self.content, ensure_ascii=False)


ToolState: TypeAlias = Answered | Waiting | Ready | Failed


def tool_step(view: View, node: Node, call: ToolCallRequest, *, iteration: int) -> ToolState:
    """State of one call; a failure for good is an answer too, for the model to deal with."""
    ours = [issued for issued in view.by_node.get(node.id, ()) if _belongs(issued, call, iteration)]
    executions = [issued for issued in ours if isinstance(issued.message, ExecuteToolCall)]
    held = [issued for issued in executions if _is_held(view, issued)]
    tries = [issued for issued in executions if issued not in held]
    if held and not tries:
        return _under_approval(view, node, call, held=held[-1], approvals=_approvals(ours), iteration=iteration)
    approval_id = next(
        (issued.message.approval_id for issued in tries if isinstance(issued.message, ExecuteToolCall)), None
    )
    arguments = _arguments(tries, call)

    def next_try(attempt: int) -> Ready:
        renewed = call.model_copy(update={"arguments": arguments})
        return _execute(view, node, renewed, number=(iteration, attempt + len(held)), approval_id=approval_id)

    state = step_state(view, node, tries, next_try=next_try)
    if isinstance(state, Failed):
        return Answered(call, f"Error: {state.detail}", is_error=True, is_failure=True)
    return _answer(call, state) if isinstance(state, Settled) else state


def _answer(call: ToolCallRequest, settled: Settled) -> Answered:
    match settled.outcome.message:
        case ToolCallCompleted() as done:
            return Answered(call, done.result, is_error=done.is_error)
        case ToolCallOutcomeUnknown() as unknown:
            return Answered(call, f"Unknown outcome: {unknown.detail}", is_error=True, is_unknown=True)
        case failed:
            assert isinstance(failed, ToolCallFailed)
            return Answered(call, f"Error: {failed.error_class}: {failed.detail}", is_error=True, is_failure=True)


def _belongs(issued: Issued, call: ToolCallRequest, iteration: int) -> bool:
    message = issued.message
    if isinstance(message, ExecuteToolCall):
        return message.tool_call_id == call.tool_call_id and message.iteration == iteration
    return isinstance(message, OpenApproval) and message.tool_call_id == f"{iteration}/{call.tool_call_id}"


def _is_held(view: View, issued: Issued) -> bool:
    outcome = view.outcome_of(issued)
    return outcome is not None and isinstance(outcome.message, ToolCallApprovalRequired)


def _approvals(ours: list[Issued]) -> list[Issued]:
    return [issued for issued in ours if isinstance(issued.message, OpenApproval)]


def _arguments(tries: list[Issued], call: ToolCallRequest) -> dict[str, JsonValue]:
    """A person may have edited them; every later attempt keeps the edit."""
    first = tries[0].message if tries else None
    return dict(first.arguments) if isinstance(first, ExecuteToolCall) else dict(call.arguments)


def _under_approval(
    view: View, node: Node, call: ToolCallRequest, *, held: Issued, approvals: list[Issued], iteration: int
) -> ToolState:
    if not approvals:
        return _ask(view, node, call, held=held, iteration=iteration)
    asked = approvals[-1]
    outcome = view.outcome_of(asked)
    assert isinstance(asked.message, OpenApproval)
    if outcome is None:
        expired = asked.message.expires_ms <= view.log_ms
        return (
            Answered(call, "Refused: nobody approved in time.", is_error=True)
            if expired
            else Waiting(asked.message.expires_ms)
        )
    assert isinstance(outcome.message, ApprovalDecided)
    return _after_verdict(view, node, call, verdict=outcome.message, iteration=iteration)


def _after_verdict(
    view: View, node: Node, call: ToolCallRequest, *, verdict: ApprovalDecided, iteration: int
) -> ToolState:
    match verdict.verdict:
        case "reject":
            return Answered(call, f"Rejected by a human agent: {verdict.reason}", is_error=True)
        case "respond":
            return Answered(call, verdict.answer)
        case "edit" if verdict.arguments is not None:
            call = call.model_copy(update={"arguments": verdict.arguments})
    return _execute(view, node, call, number=(iteration, 2), approval_id=verdict.approval_id)


def _ask(view: View, node: Node, call: ToolCallRequest, *, held: Issued, iteration: int) -> Ready:
    outcome = view.outcome_of(held)
    assert outcome is not None and isinstance(outcome.message, ToolCallApprovalRequired)
    required, command_id = outcome.message, view.id_of(node.id, f"approval/{iteration}/{call.tool_call_id}", 1)

    def build(based_on: BasedOn) -> OpenApproval:
        return OpenApproval(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            approval_id=command_id,
            kind="tool_call",
            node=node.id,
            ask=f"May the AI call {call.tool}?",
            tool_call_id=f"{iteration}/{call.tool_call_id}",
            tool=call.tool,
            arguments=call.arguments,
            arguments_hash=required.arguments_hash,
            policy=required.policy,
            skills=node.skills or view.workflow.handover.skills,
            priority=node.priority or view.workflow.handover.priority,
            expires_ms=based_on.now_ms + APPROVAL_EXPIRES_MS,
        )

    return Ready(command_id, build, APPROVAL_EXPIRES_MS)


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
            tools_allowed=node.tools or ((node.tool,) if node.tool is not None else ()),
            idempotency_key=derive_message_id(view.id_of(node.id, step, 0), "idempotency"),
            attempt=attempt,
            iteration=iteration,
            approval_id=approval_id,
            caps=view.caps_of(node),
            timeout_ms=node.limits.timeout_ms,
            entity=view.entity,
        )

    return Ready(view.id_of(node.id, step, attempt), build, node.limits.timeout_ms)
