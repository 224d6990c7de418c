"""Which promises of the inbox does a log break, given what human agents were answered?

Pure. It knows the contracts, nothing of the inbox."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import LogEntry
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverFact, HandoverReleased, HandoverResolved
from contracts.notes import NoteAdded


@dataclass(slots=True)
class Answers:
    """What human agents were told of one conversation. `claims` are (actor, epoch), `verdicts` (approval, verdict, actor)
    that counted; `replies` and `notes` were accepted, `left` are handovers whose owner went away with them."""

    claims: list[tuple[str, int]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, str, str]] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def broken_promises(answers: Mapping[str, Answers], logs: Mapping[str, Sequence[LogEntry]]) -> list[str]:
    """Every broken promise in words; `answers` and `logs` by key of the conversation."""
    return [f"{key}: {text}" for key, told in answers.items() for text in _broken(told, logs.get(key, ()))]


def _broken(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    yield from _speakers(told, log)
    yield from _replies(told, log)
    yield from _verdicts(told, log)
    notes = Counter(entry.message.note_id for entry in log if isinstance(entry.message, NoteAdded))
    yield from (f"note {note} is there {notes[note]} times" for note in told.notes if notes[note] != 1)


def _speakers(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    facts = _of(HandoverFact, log)
    epochs = Counter(fact.ownership_epoch for fact in facts)
    yield from (f"epoch {epoch} was begun {count} times" for epoch, count in epochs.items() if count > 1)
    claimed = {(fact.agent_id, fact.ownership_epoch) for fact in facts if isinstance(fact, HandoverClaimed)}
    yield from (f"{actor} was told to own epoch {epoch}, the log says otherwise" for actor, epoch in told.claims
                if (actor, epoch) not in claimed)  # fmt: skip
    resolved = {fact.ownership_epoch for fact in facts if isinstance(fact, HandoverResolved)}
    yield from (f"resolved in epoch {epoch}, the log does not say so" for epoch in set(told.resolved) - resolved)
    gone = Counter(f.handover_id for f in facts if isinstance(f, HandoverReleased) and f.reason == "agent_offline")
    for handover in {*told.left, *gone}:
        if gone[handover] != told.left.count(handover):
            yield f"handover {handover} was re-homed {gone[handover]} times, not {told.left.count(handover)}"


def _replies(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    sent = Counter(m.message_id for m in _of(MessageSent, log) if m.author == "human_agent")
    kept_back = Counter(m.message_id for m in _of(MessageSuppressed, log) if m.author == "human_agent")
    for reply in told.replies:
        if (sent[reply], kept_back[reply]) != (1, 0):
            yield f"reply {reply} was sent {sent[reply]} times and kept back {kept_back[reply]} times"
    yield from (f"reply {reply} was sent, and nobody was told so" for reply in sent.keys() - set(told.replies))


def _verdicts(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    found = [(fact.approval_id, fact.verdict, fact.actor_id) for fact in _of(ApprovalDecided, log)]
    twice = Counter(approval for approval, _, _ in found)
    yield from (f"approval {approval} was decided {count} times" for approval, count in twice.items() if count > 1)
    yield from (f"the verdict {verdict} counted, and is not in the log" for verdict in set(told.verdicts) - set(found))


Kind = TypeVar("Kind")


def _of(kind: type[Kind], log: Iterable[LogEntry]) -> list[Kind]:
    return [entry.message for entry in log if isinstance(entry.message, kind)]
