"""Who may speak in a conversation, which verdicts are owed, and what was already answered, by its log alone?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from contracts.conversations import AnnounceMessage, MessageReceived, MessageSent, MessageSuppressed, SendMessage
from contracts.envelope import Decision, LogEntry, Message, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.handover_clocks import (
    ApprovalDelivered,
    HandoverBreached,
    HandoverDelivered,
    HandoverDue,
    HandoverSnoozed,
    HandoverWoken,
)
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverFact,
    HandoverRefused,
    HandoverReleased,
    OpenApproval,
    OpenHandover,
)
from contracts.notes import NoteAdded
from contracts.suggestions import OfferSuggestion, SuggestionSettled
from hil_inbox.domain.waiting import Waiting, fold_waiting

ANSWERS_KEPT_MAX = 1_000
"""Answers to commands that a folded state remembers; a log ends long before (ARCHITECTURE 1: 2,000 messages a key)."""

SUGGESTIONS_MAX = 20
"""The newest drafts; older ones can no longer be used."""

InboxFact = (
    HandoverFact
    | ApprovalDecided
    | ApprovalDelivered
    | HandoverRefused
    | HandoverSnoozed
    | HandoverWoken
    | HandoverDelivered
    | HandoverBreached
    | NoteAdded
    | SuggestionSettled
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer in the log and where it stands."""

    fact: InboxFact
    sequence: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """The inbox's part of a folded conversation. Epoch 0 and no owner: the AI speaks. `log_ms` is the newest log time
    that was folded; `replies` are people's messages that the orchestrator has not decided on yet, `sent_from_drafts`
    those that reached the customer and whose draft is not settled; `announced` is what the house asked to be said;
    `woken` is the sequence of the newest timer that fired."""

    tenant: str
    key: str
    sequence: int = 0
    log_ms: int = 0
    is_known: bool = False
    epoch: int = 0
    owner_id: str | None = None
    owned_since_ms: int = 0
    handover_id: str | None = None
    handovers: frozenset[str] = frozenset()
    approvals: Mapping[str, OpenApproval] = field(default_factory=lambda: MappingProxyType({}))
    delivered_approvals: frozenset[str] = frozenset()
    verdicts: Mapping[str, ApprovalDecided] = field(default_factory=lambda: MappingProxyType({}))
    finished: frozenset[str] = frozenset()
    answers: Mapping[str, Stored] = field(default_factory=lambda: MappingProxyType({}))
    opened: OpenHandover | None = None
    waiting: Waiting | None = None
    replies: Mapping[str, SendMessage] = field(default_factory=lambda: MappingProxyType({}))
    decided_replies: frozenset[str] = frozenset()
    suggestions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    settled: Mapping[str, SuggestionSettled] = field(default_factory=lambda: MappingProxyType({}))
    sent_from_drafts: Mapping[str, SendMessage] = field(default_factory=lambda: MappingProxyType({}))
    announced: frozenset[str] = frozenset()
    woken: int = 0


def answer_id(tenant: str, key: str, command_id: str) -> str:
    """Id of the one answer that a command leads to, whether it had its effect or was refused."""
    return derive_message_id(f"{tenant}/{key}/{command_id}", "hil-inbox/answer")


def fold_all(state: Ownership, entries: Iterable[LogEntry]) -> Ownership:
    """Fold entries in the order of the log."""
    for entry in entries:
        state = fold(state, entry)
    return state


def fold(state: Ownership, entry: LogEntry) -> Ownership:
    """Take in one entry. Never raises; an answer whose id is folded already changes nothing."""
    state = replace(
        state,
        sequence=max(state.sequence, entry.sequence),
        log_ms=max(state.log_ms, entry.timestamp_ms),
        waiting=fold_waiting(state.waiting, entry),
        woken=entry.sequence if isinstance(entry.message, HandoverDue) else state.woken,
    )
    message = entry.message
    if isinstance(message, InboxFact):
        return _answered(state, entry, message)
    if isinstance(message, Decision | MessageReceived):
        return _decided(replace(state, is_known=True), message)
    if isinstance(message, AnnounceMessage):
        return replace(state, announced=state.announced | {message.message_id})
    return _written(state, message) if isinstance(message, SendMessage) else state


def _written(state: Ownership, message: SendMessage) -> Ownership:
    if message.message_id in state.decided_replies:
        return state
    return replace(state, replies={**state.replies, message.message_id: message})


def _decided(state: Ownership, message: Message) -> Ownership:
    """What the orchestrator decided; it carries the epoch too, which survives a log that was archived."""
    match message:
        case OpenHandover():
            return _opened(state, message)
        case OpenApproval():
            return replace(state, approvals={**state.approvals, message.approval_id: message})
        case ExecutionFinished(execution_id=str(execution_id)):
            return replace(state, finished=state.finished | {execution_id})
        case MessageSent():
            state = _used(replace(state, epoch=max(state.epoch, message.ownership_epoch)), message.message_id)
            return _spoken(state, message.message_id)
        case MessageSuppressed():
            return _kept_back(state, message)
        case OfferSuggestion() if message.text:
            return _suggested(state, message.suggestion_id, message.text)
        case _:
            return state


def _spoken(state: Ownership, message_id: str) -> Ownership:
    left = {name: reply for name, reply in state.replies.items() if name != message_id}
    return replace(state, replies=left, decided_replies=state.decided_replies | {message_id})


def _used(state: Ownership, message_id: str) -> Ownership:
    """A reply that was made from a draft has reached the customer."""
    reply = state.replies.get(message_id)
    if reply is None or reply.suggestion_id is None:
        return state
    newest = list({**state.sent_from_drafts, message_id: reply}.items())[-SUGGESTIONS_MAX:]
    return replace(state, sent_from_drafts=dict(newest))


def _kept_back(state: Ownership, message: MessageSuppressed) -> Ownership:
    """What the AI wrote too late is a draft for the person who speaks now."""
    if message.author == "ai" and message.reason == "stale_epoch":
        return _suggested(state, message.message_id, message.text)
    return _spoken(state, message.message_id)


def _suggested(state: Ownership, suggestion_id: str, text: str) -> Ownership:
    newest = list({**state.suggestions, suggestion_id: text}.items())[-SUGGESTIONS_MAX:]
    return replace(state, suggestions=dict(newest))


def _opened(state: Ownership, message: OpenHandover) -> Ownership:
    if message.handover_id in state.handovers:
        return state
    return replace(
        state,
        epoch=max(state.epoch, message.ownership_epoch),
        handover_id=message.handover_id,
        handovers=state.handovers | {message.handover_id},
        opened=message,
    )


def _answered(state: Ownership, entry: LogEntry, fact: InboxFact) -> Ownership:
    if entry.id in state.answers:
        return state
    answers = {**state.answers, entry.id: Stored(fact, entry.sequence)}
    while len(answers) > ANSWERS_KEPT_MAX:
        answers.pop(next(iter(answers)))
    state = replace(state, answers=answers)
    if isinstance(fact, ApprovalDecided):
        verdicts = {**state.verdicts}
        verdicts.setdefault(fact.approval_id, fact)
        return replace(state, verdicts=verdicts)
    if isinstance(fact, ApprovalDelivered):
        return replace(state, delivered_approvals=state.delivered_approvals | {fact.approval_id})
    if isinstance(fact, SuggestionSettled):
        left = {name: one for name, one in state.sent_from_drafts.items() if one.suggestion_id != fact.suggestion_id}
        return replace(state, settled={fact.suggestion_id: fact, **state.settled}, sent_from_drafts=left)
    return _spoken_by(state, fact, entry.timestamp_ms) if isinstance(fact, HandoverFact) else state


def _spoken_by(state: Ownership, fact: HandoverFact, at_ms: int) -> Ownership:
    """The speaker changes only by a newer epoch than the one in force."""
    if fact.ownership_epoch <= state.epoch:
        return state
    changed = replace(state, epoch=fact.ownership_epoch, handovers=state.handovers | {fact.handover_id})
    if isinstance(fact, HandoverClaimed):
        return replace(changed, owner_id=fact.agent_id, owned_since_ms=at_ms, handover_id=fact.handover_id)
    if isinstance(fact, HandoverReleased):
        return replace(changed, owner_id=None, handover_id=fact.handover_id)
    return replace(changed, owner_id=None, handover_id=None)
