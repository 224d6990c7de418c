"""Which promises of the inbox does a log break, given what human agents were answered?

Pure. It knows the contracts, nothing of the inbox."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import LogEntry
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverFact, HandoverReleased, HandoverResolved
from contracts.notes import NoteAdded

OFFLINE = "agent_offline"


@dataclass(slots=True)
class Answers:
    """What human agents were told of one conversation. `claims` are (actor, epoch), `verdicts` those (approval,
    verdict, actor) that counted; `replies` and `notes` were accepted, `left` are handovers whose owner went away.
    `odd` are answers that nobody should get; `shown` is the state of each document after all has come to rest."""

    claims: list[tuple[str, int]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, str, str]] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)


def broken_promises(answers: Mapping[str, Answers], logs: Mapping[str, Sequence[LogEntry]]) -> list[str]:
    """Every broken promise in words; `answers` and `logs` by key of the conversation."""
    return [f"{key}: {text}" for key, told in answers.items() for text in _broken(told, logs.get(key, ()))]


def broken_presence(there: Collection[str], shown: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Who is shown otherwise than they are; `shown` is the status of each person, by inbox."""
    return [
        f"{inbox} shows {actor} as {statuses.get(actor, 'offline')}"
        for inbox, statuses in shown.items()
        for actor in sorted({*there, *statuses})
        if (statuses.get(actor, "offline") != "offline") != (actor in there)
    ]


def _broken(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    yield from told.odd
    yield from _claims(told, log)
    yield from _endings(told, log)
    yield from _rehomed(told, log)
    yield from _replies(told, log)
    yield from _speakers(log)
    yield from _verdicts(told, log)
    notes = Counter(note.note_id for note in _of(NoteAdded, log))
    yield from (f"note {note} is there {notes[note]} times" for note in told.notes if notes[note] != 1)
    yield from _shown(told, log)


def _claims(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    facts = _of(HandoverFact, log)
    epochs = Counter(fact.ownership_epoch for fact in facts)
    yield from (f"epoch {epoch} was begun {count} times" for epoch, count in epochs.items() if count > 1)
    claimed = {(fact.agent_id, fact.ownership_epoch) for fact in facts if isinstance(fact, HandoverClaimed)}
    for actor, epoch in set(told.claims) - claimed:
        yield f"{actor} was told to own epoch {epoch}, the log says otherwise"
    for actor, epoch in claimed - set(told.claims):
        yield f"{actor} owns epoch {epoch}, and was not told so"
    owner = None
    for fact in facts:
        if isinstance(fact, HandoverClaimed) and owner is not None:
            yield f"{fact.agent_id} got what {owner} owned"
        owner = fact.agent_id if isinstance(fact, HandoverClaimed) else None


def _endings(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    resolved = {fact.ownership_epoch for fact in _of(HandoverResolved, log)}
    yield from (f"resolved in epoch {epoch}, the log does not say so" for epoch in set(told.resolved) - resolved)
    yield from (f"resolved in epoch {epoch}, and nobody was told so" for epoch in resolved - set(told.resolved))


def _rehomed(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    gone = Counter(fact.handover_id for fact in _of(HandoverReleased, log) if fact.reason == OFFLINE)
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


def _speakers(log: Sequence[LogEntry]) -> Iterator[str]:
    """Who spoke while another had the word."""
    owner: str | None = None
    for entry in log:
        match entry.message:
            case HandoverClaimed() as claim:
                owner = claim.agent_id
            case HandoverFact():
                owner = None
            case MessageSent(author="human_agent") as said if said.author_id != owner:
                yield f"{said.author_id} spoke in {said.message_id} while {owner or 'no person'} had the word"
            case MessageSent(author="ai") as said if owner is not None:
                yield f"the AI spoke in {said.message_id} while {owner} had the word"


def _verdicts(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    found = [(fact.approval_id, fact.verdict, fact.actor_id) for fact in _of(ApprovalDecided, log)]
    twice = Counter(approval for approval, _, _ in found)
    yield from (f"approval {approval} was decided {count} times" for approval, count in twice.items() if count > 1)
    yield from (f"the verdict {verdict} counted, and is not in the log" for verdict in set(told.verdicts) - set(found))
    yield from (f"the verdict {verdict} counted, and nobody was told so" for verdict in set(found) - set(told.verdicts))


def _shown(told: Answers, log: Sequence[LogEntry]) -> Iterator[str]:
    """The documents say at last what the log says."""
    states = {fact.handover_id: _state(fact) for fact in _of(HandoverFact, log)}
    states |= {fact.approval_id: "decided" for fact in _of(ApprovalDecided, log)}
    for document, state in states.items():
        if told.shown.get(document) != state:
            yield f"{document} is shown as {told.shown.get(document)}, and is {state}"


def _state(fact: HandoverFact) -> str:
    if isinstance(fact, HandoverClaimed):
        return "claimed"
    return "resolved" if isinstance(fact, HandoverResolved) else "open"


Kind = TypeVar("Kind")


def _of(kind: type[Kind], log: Iterable[LogEntry]) -> list[Kind]:
    return [entry.message for entry in log if isinstance(entry.message, kind)]
