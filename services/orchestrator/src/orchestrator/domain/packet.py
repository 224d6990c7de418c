"""What does a human agent get to know at a handover?"""

from collections.abc import Iterable, Mapping
from typing import Literal

from contracts.budgets import RaiseBudget
from contracts.completions import RequestCompletion
from contracts.handovers import HandoverPacket, OpenApproval, PacketAction, PacketMessage, SummarySentence
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown
from orchestrator.domain.state import Conversation, Ending, Execution, Issued, Outcome

TRANSCRIPT_MAX = 50
ActionOutcome = Literal["completed", "error", "failed", "unknown", "pending"]


def packet_of(state: Conversation, execution: Execution, ending: Ending, *, cost_microdollars: int) -> HandoverPacket:
    """The packet, from the log alone; every sentence of the summary cites what it rests on."""
    lines = sorted(state.transcript, key=lambda line: line.sequence)
    tail = lines[-TRANSCRIPT_MAX:]
    turn = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    actions = _actions((*state.calls, *execution.commands.values()), state.outcomes)
    return HandoverPacket(
        reason=ending.reason,
        detail=ending.detail,
        ask=turn.message.text if turn is not None else "",
        summary=_summary(state, execution, ending, actions=actions),
        transcript=tuple(
            PacketMessage(id=line.id, author=line.author, text=line.text, at_ms=line.at_ms) for line in tail
        ),
        transcript_is_complete=len(tail) == len(lines),
        entity=turn.message.entity if turn is not None else (state.start.message.entity if state.start else None),
        facts=dict(state.facts),
        actions=actions,
        cost_microdollars=cost_microdollars,
    )


def _summary(
    state: Conversation, execution: Execution, ending: Ending, *, actions: tuple[PacketAction, ...]
) -> tuple[SummarySentence, ...]:
    sentences: list[SummarySentence] = []
    if state.summary is not None:
        cited = tuple(line.id for line in state.transcript if line.sequence <= state.summary.until)
        sentences.append(SummarySentence(text=state.summary.text, cites=cited))
    turn = state.turns.get(execution.turn_id) if execution.turn_id is not None else None
    if turn is not None:
        said = SummarySentence(text=f"The customer wrote: {turn.message.text[:500]}", cites=(turn.input_id,))
        sentences.append(said)
    for outcome in ("completed", "error", "failed", "unknown", "pending"):
        some = [action for action in actions if action.outcome == outcome]
        if some:
            names = ", ".join(action.tool for action in some)
            text = f"Tool calls that ended as {outcome}: {names}."
            sentences.append(SummarySentence(text=text, cites=tuple(action.id for action in some)))
    origin = turn.input_id if turn is not None else (state.start.input_id if state.start is not None else None)
    cites = (origin,) if origin is not None else ()
    why = SummarySentence(text=f"Handed over: {ending.reason}. {ending.detail}".strip(), cites=cites)
    return (*sentences, why)


def _actions(commands: Iterable[Issued], outcomes: Mapping[str, Outcome]) -> tuple[PacketAction, ...]:
    """Each tool call with what came of its last attempt, in order of issue."""
    last: dict[tuple[str | None, str, int, str], PacketAction] = {}
    for issued in commands:
        message = issued.message
        if isinstance(message, RequestCompletion | OpenApproval | RaiseBudget):
            continue
        found = outcomes.get(issued.id)
        outcome, result = _result(found)
        call = (message.execution_id, message.node, message.iteration, message.tool_call_id)
        last[call] = PacketAction(
            id=message.tool_call_id,
            tool=message.tool,
            arguments=message.arguments,
            outcome=outcome,
            result=result,
            asked_ms=issued.at_ms,
            ended_ms=found.at_ms if found is not None and outcome != "pending" else None,
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
