"""How does a message from outside change what is known of its key: customers, workers, people, timers?"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from contracts.budgets import BudgetRaised
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import (
    AnnounceMessage,
    CloseConversation,
    MessageReceived,
    SendMessage,
    UnsendMessage,
)
from contracts.envelope import LogEntry, Message
from contracts.executions import StartExecution, StopExecution, TimerFired
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverFact,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
)
from contracts.suggestions import RequestSuggestion
from contracts.tool_calls import (
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.state import (
    Announcement,
    Conversation,
    FactSource,
    HumanMessage,
    Line,
    Outcome,
    Refusal,
    Result,
    Return,
    Start,
    Stop,
    SuggestionAsk,
    Turn,
    evolve,
)

Fold: TypeAlias = Callable[[Conversation, LogEntry, Message], Conversation]
UNSENT_MAX = 100
"""Replies taken back before they came that are remembered; the newest."""

RETURNS_MAX = 5
"""Returns of which prompts and packets tell; the newest."""


def _received(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, MessageReceived)
    refusal = _refusal_of(state, entry.id, message)
    if refusal is not None:
        return evolve(state, refusals=(*state.refusals, refusal))
    if message.turn_id in state.turns:
        return state
    trace_id = entry.traceparent.split("-")[1] if entry.traceparent is not None else None
    turn = Turn(entry.id, entry.sequence, entry.timestamp_ms, message, trace_id)
    line = Line(entry.id, entry.sequence, "customer", message.text, entry.timestamp_ms)
    return evolve(
        state,
        turns={**state.turns, message.turn_id: turn},
        transcript=(*state.transcript, line),
        is_closed=False,
        active_ms=max(state.active_ms, entry.timestamp_ms),
    )


def _refusal_of(state: Conversation, input_id: str, message: MessageReceived) -> Refusal | None:
    if message.author != "customer":
        return Refusal(input_id, message.turn_id, "echo", f"written by {message.author}")
    if message.channel_message_id is not None and message.channel_message_id in state.sent_ids:
        return Refusal(input_id, message.turn_id, "echo", "carries the id of a sent message")
    known = state.turns.get(message.turn_id)
    if known is not None and known.message.text != message.text:
        return Refusal(input_id, message.turn_id, "text_conflict", "this turn id was used with other text")
    return None


def _send(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    """The first of one id says what is sent; any of them may let it go earlier."""
    assert isinstance(message, SendMessage)
    if message.message_id in state.human_handled:
        return state
    known = state.human_messages.get(message.message_id)
    new = HumanMessage(entry.id, entry.sequence, entry.timestamp_ms + message.hold_ms, message)
    if known is not None:
        first = min(known, new, key=lambda waiting: waiting.sequence)
        new = replace(first, due_ms=min(known.due_ms, new.due_ms))
    return evolve(state, human_messages={**state.human_messages, message.message_id: new})


def _unsend(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, UnsendMessage)
    if message.message_id in state.human_handled:
        return state
    unsent = {**state.unsent, (message.message_id, message.author_id): entry.sequence}
    newest = sorted(unsent.items(), key=lambda item: item[1])[-UNSENT_MAX:]
    return evolve(state, unsent=dict(newest))


def _announce(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, AnnounceMessage)
    known = state.announcements.get(message.message_id)
    if message.message_id in state.sent_ids or (known is not None and known.sequence < entry.sequence):
        return state
    new = Announcement(entry.id, entry.sequence, message)
    return evolve(state, announcements={**state.announcements, message.message_id: new})


def _suggest(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, RequestSuggestion)
    known = state.suggestions.get(message.suggestion_id)
    if message.suggestion_id in state.offered or (known is not None and known.sequence < entry.sequence):
        return state
    ask = SuggestionAsk(entry.id, entry.sequence, message)
    return evolve(state, suggestions={**state.suggestions, message.suggestion_id: ask})


def _close(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return evolve(state, close_asked=max(state.close_asked, entry.sequence))


def _started(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, StartExecution)
    if state.start is not None:
        return state
    start = Start(entry.id, entry.sequence, entry.timestamp_ms, message)
    return evolve(state, start=start, active_ms=max(state.active_ms, entry.timestamp_ms))


def _stop(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, StopExecution)
    if state.stop is not None and state.stop.sequence > entry.sequence:
        return state
    return evolve(state, stop=Stop(entry.id, entry.sequence, message.reason))


def _result(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, Result)
    command_id = message.approval_id if isinstance(message, ApprovalDecided) else message.command_id
    if command_id is None:  # A cap that nobody here asked to raise.
        return state
    known, new = state.outcomes.get(command_id), Outcome(entry.sequence, entry.timestamp_ms, message)
    if known is not None and not _outranks(new, known):
        return state
    return evolve(state, outcomes={**state.outcomes, command_id: new})


def _outranks(new: Outcome, known: Outcome) -> bool:
    """Of two results of one command success beats failure, whichever came first; of two alike the earlier counts."""
    good = (CompletionProduced, ToolCallCompleted)
    new_rank, known_rank = isinstance(new.message, good), isinstance(known.message, good)
    return new_rank > known_rank or (new_rank == known_rank and new.sequence < known.sequence)


def _fired(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return evolve(state, woken=max(state.woken, entry.sequence))


def _claimed(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, HandoverClaimed)
    if message.ownership_epoch <= state.ownership_epoch:
        return state
    return evolve(state, ownership_epoch=message.ownership_epoch, owner=message.agent_id)


def _released(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, HandoverReleased)
    if message.ownership_epoch <= state.ownership_epoch:
        return state
    return evolve(state, ownership_epoch=message.ownership_epoch, owner=None, open_handover=message.handover_id)


def _ended(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, HandoverFact)
    if message.ownership_epoch <= state.ownership_epoch:
        return state
    if isinstance(message, HandoverReturned):
        returned = Return(entry.sequence, message.outcome, message.promises, message.not_again)
        source = FactSource(message.actor_id, entry.timestamp_ms)
        state = evolve(
            state,
            facts={**state.facts, **message.facts},
            fact_sources={**state.fact_sources, **dict.fromkeys(message.facts, source)},
            returns=(*state.returns, returned)[-RETURNS_MAX:],
        )
    return evolve(
        state,
        ownership_epoch=message.ownership_epoch,
        owner=None,
        open_handover=None,
        ai_since=max(state.ai_since, entry.sequence),
        active_ms=max(state.active_ms, entry.timestamp_ms),
    )


INPUT_FOLDS: dict[type[Message], Fold] = {
    MessageReceived: _received,
    SendMessage: _send,
    UnsendMessage: _unsend,
    AnnounceMessage: _announce,
    RequestSuggestion: _suggest,
    CloseConversation: _close,
    StartExecution: _started,
    StopExecution: _stop,
    TimerFired: _fired,
    CompletionProduced: _result,
    CompletionFailed: _result,
    ToolCallCompleted: _result,
    ToolCallFailed: _result,
    ToolCallOutcomeUnknown: _result,
    ToolCallApprovalRequired: _result,
    ApprovalDecided: _result,
    BudgetRaised: _result,
    HandoverClaimed: _claimed,
    HandoverReleased: _released,
    HandoverResolved: _ended,
    HandoverReturned: _ended,
}
