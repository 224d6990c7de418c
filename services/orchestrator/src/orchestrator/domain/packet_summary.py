"""How does a packet say in sentences what happened, each citing what it rests on?"""

from collections.abc import Iterator
from typing import Literal

from contracts.executions import Reason
from contracts.handovers import PacketAction, SummarySentence
from contracts.packet_parts import PacketApproval
from orchestrator.domain.state import Ending
from orchestrator.domain.turns import ordered_turns
from orchestrator.domain.view import View

QUOTED_CHARACTERS_MAX = 500
UNANSWERED_MAX = 5
"""Later messages of the customer that are quoted; all of them are in the transcript."""
_DECISIONS = {
    Reason.LOW_CONFIDENCE: "Is the AI's answer right, and may it be said?",
    Reason.TOOL_OUTCOME_UNKNOWN: "Did the tool call whose outcome is unknown have its effect?",
    Reason.POLICY: "May what the policy stopped be done?",
    Reason.BUDGET_EXCEEDED: "Is the matter worth more money, or does a person finish it?",
}
_STEPS = {
    Reason.LOW_CONFIDENCE: "Check the suggested reply, then send or change it.",
    Reason.TOOL_OUTCOME_UNKNOWN: "Look in the tool's own system before you do it again.",
    Reason.CUSTOMER_REQUEST: "Greet the customer, who asked for a person.",
    Reason.AI_STOPPED: "Answer the customer yourself: the AI is stopped.",
}


def decision_needed(reason: str) -> str:
    """What the person must decide; empty where the reason alone does not say it."""
    return next((text for known, text in _DECISIONS.items() if known == reason), "")


def suggested_step(reason: str) -> str:
    """What to do first; empty where the reason alone does not say it."""
    return next((text for known, text in _STEPS.items() if known == reason), "")


def summary_of(
    view: View, ending: Ending, *, actions: tuple[PacketAction, ...], approvals: tuple[PacketApproval, ...]
) -> tuple[SummarySentence, ...]:
    """Situation, what was done, what is open."""
    sentences = [*_situation(view, ending), *_done(actions), *_open(view, actions, approvals)]
    order = ("situation", "done", "open")
    return tuple(sorted(sentences, key=lambda sentence: order.index(sentence.section)))


def _situation(view: View, ending: Ending) -> Iterator[SummarySentence]:
    state, turn = view.state, view.state.turns.get(view.execution.turn_id or "")
    if state.summary is not None:
        cited = tuple(line.id for line in state.transcript if line.sequence <= state.summary.until)
        yield SummarySentence(text=state.summary.text, cites=cited, is_machine_text=True)
    if turn is not None:
        text = f"The customer wrote: {turn.message.text[:QUOTED_CHARACTERS_MAX]}"
        yield SummarySentence(text=text, cites=(turn.input_id,))
    origin = turn.input_id if turn is not None else (state.start.input_id if state.start is not None else None)
    why = f"Handed over: {ending.reason}. {ending.detail}".strip()
    yield SummarySentence(text=why, cites=(origin,) if origin is not None else ())


def _done(actions: tuple[PacketAction, ...]) -> Iterator[SummarySentence]:
    for outcome in ("completed", "error", "failed"):
        yield from _calls(actions, outcome, "done")


def _open(
    view: View, actions: tuple[PacketAction, ...], approvals: tuple[PacketApproval, ...]
) -> Iterator[SummarySentence]:
    for outcome in ("unknown", "pending"):
        yield from _calls(actions, outcome, "open")
    for approval in approvals:
        yield SummarySentence(text=f"A person was asked: {approval.ask}", cites=(approval.id,), section="open")
    own = view.state.turns.get(view.execution.turn_id or "")
    later = [turn for turn in ordered_turns(view.state) if own is not None and turn.sequence > own.sequence]
    for turn in [turn for turn in later if turn.input_id not in view.state.refused][:UNANSWERED_MAX]:
        text = f"The customer also wrote: {turn.message.text[:QUOTED_CHARACTERS_MAX]}"
        yield SummarySentence(text=text, cites=(turn.input_id,), section="open")


def _calls(
    actions: tuple[PacketAction, ...], outcome: str, section: Literal["done", "open"]
) -> Iterator[SummarySentence]:
    some = [action for action in actions if action.outcome == outcome]
    if some:
        text = f"Tool calls that ended as {outcome}: {', '.join(action.tool for action in some)}."
        yield SummarySentence(text=text, cites=tuple(action.id for action in some), section=section)
