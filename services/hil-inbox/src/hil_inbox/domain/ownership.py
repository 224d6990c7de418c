"""Who may speak in a conversation, which verdicts are owed, and what was already answered, by its log alone?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import Decision, LogEntry, Message, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverFact,
    HandoverRefused,
    HandoverReleased,
    OpenApproval,
    OpenHandover,
)

ANSWERS_KEPT_MAX = 1_000
"""Answers to commands that a folded state remembers; a log ends long before (ARCHITECTURE 1: 2,000 messages a key)."""

InboxFact = HandoverFact | ApprovalDecided | HandoverRefused


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer in the log and where it stands."""

    fact: InboxFact
    sequence: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """The inbox's part of a folded conversation. Epoch 0 and no owner: the AI speaks."""

    tenant: str
    key: str
    sequence: int = 0
    is_known: bool = False
    epoch: int = 0
    owner_id: str | None = None
    handover_id: str | None = None
    handovers: frozenset[str] = frozenset()
    approvals: Mapping[str, OpenApproval] = field(default_factory=lambda: MappingProxyType({}))
    verdicts: Mapping[str, ApprovalDecided] = field(default_factory=lambda: MappingProxyType({}))
    finished: frozenset[str] = frozenset()
    answers: Mapping[str, Stored] = field(default_factory=lambda: MappingProxyType({}))


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
    state = replace(state, sequence=max(state.sequence, entry.sequence))
    message = entry.message
    if isinstance(message, HandoverFact | ApprovalDecided | HandoverRefused):
        return _answered(state, entry, message)
    if isinstance(message, Decision | MessageReceived):
        return _decided(replace(state, is_known=True), message)
    return state


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
            return replace(state, epoch=max(state.epoch, message.ownership_epoch))
        case _:
            return state


def _opened(state: Ownership, message: OpenHandover) -> Ownership:
    if message.handover_id in state.handovers:
        return state
    return replace(
        state,
        epoch=max(state.epoch, message.ownership_epoch),
        handover_id=message.handover_id,
        handovers=state.handovers | {message.handover_id},
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
    return _spoken_by(state, fact) if isinstance(fact, HandoverFact) else state


def _spoken_by(state: Ownership, fact: HandoverFact) -> Ownership:
    """The speaker changes only by a newer epoch than the one in force."""
    if fact.ownership_epoch <= state.epoch:
        return state
    changed = replace(state, epoch=fact.ownership_epoch, handovers=state.handovers | {fact.handover_id})
    if isinstance(fact, HandoverClaimed):
        return replace(changed, owner_id=fact.agent_id, handover_id=fact.handover_id)
    if isinstance(fact, HandoverReleased):
        return replace(changed, owner_id=None, handover_id=fact.handover_id)
    return replace(changed, owner_id=None, handover_id=None)
