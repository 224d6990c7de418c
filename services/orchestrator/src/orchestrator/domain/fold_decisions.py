"""How does a decision of the orchestrator change what is known of its key?"""

from collections.abc import Callable
from typing import TypeAlias

from contracts.budgets import RaiseBudget
from contracts.completions import RequestCompletion
from contracts.conversations import (
    ConversationClosed,
    MessageSent,
    MessageSuppressed,
    TurnRefused,
)
from contracts.envelope import Decision, LogEntry, Message
from contracts.executions import ExecutionFinished, ExecutionRefused
from contracts.experiments import ExperimentExposed
from contracts.handovers import (
    OpenApproval,
    OpenHandover,
)
from contracts.suggestions import OfferSuggestion
from contracts.tool_calls import (
    ExecuteToolCall,
)
from orchestrator.domain.context import newest_summary
from orchestrator.domain.state import (
    DRAFT_NODE,
    Command,
    Conversation,
    Ending,
    Execution,
    Issued,
    Line,
    evolve,
)
from orchestrator.domain.suggest import draft_id
from orchestrator.domain.turns import begin, eligible_turns, execution_id_of, ordered_turns

Fold: TypeAlias = Callable[[Conversation, LogEntry, Message], Conversation]
CALLS_MAX = 50
"""Tool calls of ended executions that the next handover tells of."""


def _issued(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, Command)
    if message.node == DRAFT_NODE:
        return evolve(state, drafts={**state.drafts, entry.id: Issued(entry.id, message)})
    execution = _execution_of(state, message)
    commands = {**execution.commands, entry.id: Issued(entry.id, message)}
    return evolve(state, execution=evolve(execution, commands=commands), is_closed=False)


def _execution_of(state: Conversation, decision: Decision) -> Execution:
    """The current execution, begun by its first decision."""
    execution = state.execution
    if execution is None or execution.id != decision.execution_id:
        turn = next(
            (turn for turn in ordered_turns(state) if execution_id_of(state, turn) == decision.execution_id), None
        )
        execution = begin(
            state,
            turn,
            decision.workflow_hash or "",
            execution_id=decision.execution_id or "",
            experiment=decision.based_on.experiment,
        )
    broken = execution.broken | frozenset(decision.based_on.breakers)
    return evolve(execution, broken=broken)


def _sent(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, MessageSent)
    now_ms, turn_id = message.based_on.now_ms, message.turn_id
    line = Line(message.message_id, entry.sequence, message.author, message.text, now_ms, turn_id)
    state = evolve(state, transcript=(*state.transcript, line), sent_ids=state.sent_ids | {message.message_id})
    if message.author == "system":  # Nobody's turn: it neither answers the customer nor keeps the conversation open.
        left = {id: waiting for id, waiting in state.announcements.items() if id != message.message_id}
        return evolve(state, announcements=left)
    state = evolve(state, active_ms=max(state.active_ms, now_ms))
    if message.author == "human_agent":
        return _human_done(state, message.message_id)
    execution = _execution_of(state, message)
    if message.kind == "default_response":
        return evolve(state, execution=evolve(execution, default_reason=message.reason))
    return evolve(state, execution=evolve(execution, reply_id=message.message_id))


def _suppressed(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, MessageSuppressed)
    if message.author == "human_agent":
        return _human_done(state, message.message_id)
    execution = _execution_of(state, message)
    if message.reason == "duplicate_reply":
        return evolve(state, execution=evolve(execution, reply_id=message.message_id))
    ending = Ending("taken_over", "a human agent took over while the AI was answering")
    return evolve(state, execution=evolve(execution, ending=ending))


def _human_done(state: Conversation, message_id: str) -> Conversation:
    left = {name: waiting for name, waiting in state.human_messages.items() if name != message_id}
    unsent = {wish: sequence for wish, sequence in state.unsent.items() if wish[0] != message_id}
    return evolve(state, human_messages=left, human_handled=state.human_handled | {message_id}, unsent=unsent)


def _suggestion_offered(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, OfferSuggestion)
    done = draft_id(state, message.suggestion_id)
    return evolve(
        state,
        suggestions={id: ask for id, ask in state.suggestions.items() if id != message.suggestion_id},
        drafts={id: draft for id, draft in state.drafts.items() if id != done},
        outcomes={id: outcome for id, outcome in state.outcomes.items() if id != done},
        offered=state.offered | {message.suggestion_id},
    )


def _turn_refused(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, TurnRefused)
    left = tuple(refusal for refusal in state.refusals if refusal.input_id != message.input_id)
    return evolve(state, refusals=left, refused=state.refused | {message.input_id})


def _handover_opened(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, OpenHandover)
    execution = _execution_of(state, message)
    ending = Ending(message.reason, message.detail)
    return evolve(state, execution=evolve(execution, ending=ending), open_handover=message.handover_id)


def _execution_finished(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, ExecutionFinished)
    execution = _execution_of(state, message)
    answered = state.answered | {message.turn_id} if message.turn_id is not None else state.answered
    calls = (*state.calls, *(c for c in execution.commands.values() if isinstance(c.message, ExecuteToolCall)))
    calls = calls[-CALLS_MAX:]
    kept = {call.id for call in calls} | state.drafts.keys()
    return evolve(
        state,
        execution=None,
        outcomes={id: outcome for id, outcome in state.outcomes.items() if id in kept},
        answered=answered,
        finished=state.finished + 1,
        finished_ms=max(state.finished_ms, message.based_on.now_ms),
        active_ms=max(state.active_ms, message.based_on.now_ms),
        summary=newest_summary(state, execution),
        calls=calls,
    )


def _execution_refused(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return evolve(state, start_refused=True)


def _exposed(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, ExperimentExposed)
    return evolve(state, exposures={**state.exposures, message.experiment: message})


def _closed(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return evolve(state, is_closed=not eligible_turns(state))  # A message that nobody saw opens it at once.


DECISION_FOLDS: dict[type[Message], Fold] = {
    RequestCompletion: _issued,
    ExecuteToolCall: _issued,
    OpenApproval: _issued,
    RaiseBudget: _issued,
    MessageSent: _sent,
    MessageSuppressed: _suppressed,
    TurnRefused: _turn_refused,
    OfferSuggestion: _suggestion_offered,
    OpenHandover: _handover_opened,
    ExecutionFinished: _execution_finished,
    ExecutionRefused: _execution_refused,
    ConversationClosed: _closed,
    ExperimentExposed: _exposed,
}
