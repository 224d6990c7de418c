"""How does one more message of the log change what is known of its key?

Folds never raise, know every message by its id, and give the same result in whatever order unfenced messages come
(ARCHITECTURE 1, rule 4).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.conversations import (
    CloseConversation,
    ConversationClosed,
    MessageReceived,
    MessageSent,
    MessageSuppressed,
    SendMessage,
    TurnRefused,
)
from contracts.envelope import Decision, LogEntry, Message
from contracts.executions import ExecutionFinished, ExecutionRefused, StartExecution, StopExecution
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverFact,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenApproval,
    OpenHandover,
)
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.context import newest_summary
from orchestrator.domain.state import (
    Command,
    Conversation,
    Ending,
    Execution,
    HumanMessage,
    Issued,
    Line,
    Outcome,
    Refusal,
    Result,
    Start,
    Stop,
    Turn,
    evolve,
)
from orchestrator.domain.turns import begin, eligible_turns, execution_id_of, ordered_turns

Fold: TypeAlias = Callable[[Conversation, LogEntry, Message], Conversation]
CALLS_MAX = 50
"""Tool calls of ended executions that the next handover tells of."""


def fold(state: Conversation, entry: LogEntry) -> Conversation:
    """`state` with one more entry. An id that is known already changes nothing but the end of the prefix."""
    last = max(state.last_sequence, entry.sequence)
    if entry.id in state.seen:
        return evolve(state, last_sequence=last)
    message = entry.message
    counted = evolve(
        state,
        last_sequence=last,
        messages=state.messages + 1,
        bytes_stored=state.bytes_stored + entry.bytes_stored,
        seen=state.seen | {entry.id},
    )
    if message is None:  # It counts towards the limits, so decisions name it too.
        return evolve(counted, uncovered=(*counted.uncovered, entry.id))
    folded = FOLDS.get(type(message), _nothing)(counted, entry, message)
    if isinstance(message, Decision):
        covered = set(message.based_on.inputs)
        left = tuple(id for id in folded.uncovered if id not in covered)
        return evolve(folded, uncovered=left, workflow_hash=message.workflow_hash or folded.workflow_hash)
    return evolve(folded, uncovered=(*folded.uncovered, entry.id), log_ms=max(folded.log_ms, entry.timestamp_ms))


def fold_all(state: Conversation, entries: Iterable[LogEntry]) -> Conversation:
    """Fold entries in the order in which they were decided upon."""
    stored = list(entries)
    for entry in decided_order(stored):
        state = fold(state, entry)
    return evolve(state, last_sequence=max((entry.sequence for entry in stored), default=state.last_sequence))


def decided_order(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """Entries in the order in which the writers folded them: each decision right after the inputs that it names.

    On replicas a decision may be stored behind an input that its writer had not seen (ARCHITECTURE 1); such an input
    comes after that decision here. Inputs that no decision names come last, in log order."""
    waiting: dict[str, LogEntry] = {}
    for entry in entries:
        if not isinstance(entry.message, Decision):
            waiting.setdefault(entry.id, entry)
            continue
        for input_id in entry.message.based_on.inputs:
            if input_id in waiting:
                yield waiting.pop(input_id)
        yield entry
    yield from waiting.values()


def _nothing(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return state


def _received(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, MessageReceived)
    refusal = _refusal_of(state, entry.id, message)
    if refusal is not None:
        return evolve(state, refusals=(*state.refusals, refusal))
    if message.turn_id in state.turns:
        return state
    turn = Turn(entry.id, entry.sequence, entry.timestamp_ms, message)
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
    assert isinstance(message, SendMessage)
    if message.message_id in state.human_messages or message.message_id in state.human_handled:
        return state
    waiting = HumanMessage(entry.id, entry.sequence, message)
    return evolve(state, human_messages={**state.human_messages, message.message_id: waiting})


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
    known, new = state.outcomes.get(command_id), Outcome(entry.sequence, entry.timestamp_ms, message)
    if known is not None and not _outranks(new, known):
        return state
    return evolve(state, outcomes={**state.outcomes, command_id: new})


def _outranks(new: Outcome, known: Outcome) -> bool:
    """Of two results of one command success beats failure, whichever came first; of two alike the earlier counts."""
    good = (CompletionProduced, ToolCallCompleted)
    new_rank, known_rank = isinstance(new.message, good), isinstance(known.message, good)
    return new_rank > known_rank or (new_rank == known_rank and new.sequence < known.sequence)


def _issued(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, Command)
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
        execution = begin(state, turn, decision.workflow_hash or "", execution_id=decision.execution_id or "")
    broken = execution.broken | frozenset(decision.based_on.breakers)
    return evolve(execution, broken=broken)


def _sent(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    assert isinstance(message, MessageSent)
    now_ms, turn_id = message.based_on.now_ms, message.turn_id
    line = Line(message.message_id, entry.sequence, message.author, message.text, now_ms, turn_id)
    state = evolve(
        state,
        transcript=(*state.transcript, line),
        sent_ids=state.sent_ids | {message.message_id},
        active_ms=max(state.active_ms, now_ms),
    )
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
    return evolve(state, human_messages=left, human_handled=state.human_handled | {message_id})


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
    kept = {call.id for call in calls}
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


def _closed(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return evolve(state, is_closed=not eligible_turns(state))  # A message that nobody saw opens it at once.


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
    facts = message.facts if isinstance(message, HandoverReturned) else {}
    return evolve(
        state,
        ownership_epoch=message.ownership_epoch,
        owner=None,
        open_handover=None,
        ai_since=max(state.ai_since, entry.sequence),
        facts={**state.facts, **facts},
        active_ms=max(state.active_ms, entry.timestamp_ms),
    )


FOLDS: dict[type[Message], Fold] = {
    MessageReceived: _received,
    SendMessage: _send,
    CloseConversation: _close,
    StartExecution: _started,
    StopExecution: _stop,
    CompletionProduced: _result,
    CompletionFailed: _result,
    ToolCallCompleted: _result,
    ToolCallFailed: _result,
    ToolCallOutcomeUnknown: _result,
    ToolCallApprovalRequired: _result,
    ApprovalDecided: _result,
    HandoverClaimed: _claimed,
    HandoverReleased: _released,
    HandoverResolved: _ended,
    HandoverReturned: _ended,
    RequestCompletion: _issued,
    ExecuteToolCall: _issued,
    OpenApproval: _issued,
    MessageSent: _sent,
    MessageSuppressed: _suppressed,
    TurnRefused: _turn_refused,
    OpenHandover: _handover_opened,
    ExecutionFinished: _execution_finished,
    ExecutionRefused: _execution_refused,
    ConversationClosed: _closed,
}
