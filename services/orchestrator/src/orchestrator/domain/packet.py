"""What does a human agent get to know at a handover?"""

from collections.abc import Iterable, Mapping
from typing import Literal

from contracts.budgets import RaiseBudget
from contracts.completions import RequestCompletion
from contracts.handovers import HandoverPacket, OpenApproval, OpenHandover, PacketAction, PacketMessage
from contracts.packet_parts import PacketControl
from contracts.tool_calls import (
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.packet_origin import customer_of, known_facts, open_approvals, origin_of
from orchestrator.domain.packet_summary import decision_needed, suggested_step, summary_of
from orchestrator.domain.state import Ending, Issued, Outcome
from orchestrator.domain.view import View

TRANSCRIPT_MAX = 50
ActionOutcome = Literal["completed", "error", "failed", "unknown", "pending"]


def packet_of(view: View, ending: Ending, opening: OpenHandover, *, suggested_reply: str) -> HandoverPacket:
    """The packet of the handover that is being opened, from the log alone."""
    state, execution = view.state, view.execution
    lines = sorted(state.transcript, key=lambda line: line.sequence)
    tail = lines[-TRANSCRIPT_MAX:]
    turn = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    actions = _actions((*state.calls, *execution.commands.values()), state.outcomes)
    approvals = open_approvals(view)
    return HandoverPacket(
        reason=ending.reason,
        detail=ending.detail,
        ask=turn.message.text if turn is not None else "",
        summary=summary_of(view, ending, actions=actions, approvals=approvals),
        transcript=tuple(
            PacketMessage(id=line.id, author=line.author, text=line.text, at_ms=line.at_ms) for line in tail
        ),
        transcript_is_complete=len(tail) == len(lines),
        entity=view.entity,
        facts=dict(state.facts),
        actions=actions,
        cost_microdollars=view.spent_in_all,
        origin=origin_of(view, opening),
        decision_needed=decision_needed(ending.reason),
        suggested_step=suggested_step(ending.reason),
        suggested_reply=suggested_reply,
        customer=customer_of(view),
        known_facts=known_facts(state),
        approvals=approvals,
        promises=tuple(dict.fromkeys(line for back in state.returns for line in back.promises)),
        not_again=tuple(dict.fromkeys(line for back in state.returns for line in back.not_again)),
        priority=opening.priority,
        skills=opening.skills,
        control=PacketControl(owner_id=state.owner, ownership_epoch=state.ownership_epoch),
    )


def _actions(commands: Iterable[Issued], outcomes: Mapping[str, Outcome]) -> tuple[PacketAction, ...]:
    """Each tool call with what came of its last attempt, in order of issue."""
    last: dict[tuple[str | None, str, int, str], PacketAction] = {}
    for issued in commands:
        message = issued.message
        if isinstance(message, RequestCompletion | OpenApproval | RaiseBudget):
            continue
        found = outcomes.get(issued.id)
        outcome, result = _result(found)
        held = found.message if found is not None and isinstance(found.message, ToolCallApprovalRequired) else None
        call = (message.execution_id, message.node, message.iteration, message.tool_call_id)
        last[call] = PacketAction(
            id=message.tool_call_id,
            tool=message.tool,
            arguments=message.arguments,
            outcome=outcome,
            result=result,
            asked_ms=issued.at_ms,
            ended_ms=found.at_ms if found is not None and outcome != "pending" else None,
            arguments_hash=held.arguments_hash if held is not None else None,
        )
    return tuple(last.values())


def _result(outcome: Outcome | None) -> tuple[ActionOutcome, object]:
    match outcome.message if outcome is not None else None:
        case ToolCallCompleted() as done:
            return ("error" if done.is_error else "completed"), done.result
        case ToolCallFailed() as failed:
            return "failed", f"{failed.error_class}: {failed.detail}"
        case ToolCallOutcomeUnknown() as unknown:
            return "unknown", unknown.detail
        case _:
            return "pending", None
