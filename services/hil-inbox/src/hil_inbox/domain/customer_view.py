"""What may the customer of a conversation see: which lines, and who speaks?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.conversations import (
    Author,
    ConversationClosed,
    ConversationRated,
    MessageReceived,
    MessageSent,
    Notice,
    TurnRefused,
)
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverClaimed, HandoverFact, HandoverReleased, HandoverResolved, OpenHandover

WORKS_MS_MAX = 120_000
"""So long after a customer's message the AI is shown as typing; later that is no longer believed."""


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """One message as the customer sees it. `author_id` is for looking up a public name, and is never shown."""

    id: str
    sequence: int
    at_ms: int
    author: Author
    text: str
    turn_id: str | None = None
    author_id: str | None = None
    is_replayed: bool = False
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class RefusedTurn:
    """A message of the customer that started no turn."""

    sequence: int
    turn_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Who speaks through `sequence`, and what is owed to whom."""

    sequence: int = 0
    owner_id: str | None = None
    handover_id: str | None = None
    is_closed: bool = False
    asked_ms: int | None = None
    resolved_id: str | None = None
    rated_id: str | None = None

    @property
    def may_be_rated(self) -> bool:
        """Whether a person ended something that the customer has not rated yet."""
        return self.resolved_id is not None and self.rated_id != self.resolved_id

    def is_worked_on(self, now_ms: int) -> bool:
        """Whether the AI owes an answer and may be expected to be writing it."""
        ai_speaks = self.owner_id is None and self.handover_id is None
        return ai_speaks and self.asked_ms is not None and now_ms - self.asked_ms < WORKS_MS_MAX


def seen(entry: LogEntry) -> CustomerLine | RefusedTurn | None:
    """What an entry of the log shows to the customer: what was said by either side, and nothing else."""
    match entry.message:
        case MessageReceived(author="customer") as message:
            return CustomerLine(entry.id, entry.sequence, entry.timestamp_ms, "customer", message.text, message.turn_id)
        case MessageSent() as message:
            return CustomerLine(
                message.message_id,
                entry.sequence,
                entry.timestamp_ms,
                message.author,
                message.text,
                turn_id=message.turn_id,
                author_id=message.author_id,
                is_replayed=message.replayed,
                notice=message.notice,
            )
        case TurnRefused() as message:
            return RefusedTurn(entry.sequence, message.turn_id, message.reason)
        case _:
            return None


def stored_line(body: Mapping[str, object]) -> CustomerLine | None:
    """The same of a line of the transcript's read model; None for what the customer must not see."""
    state, author = body.get("state"), body.get("author")
    is_theirs = state == "received" and author == "customer"
    is_ours = state == "sent" and author in ("ai", "human_agent", "system")
    if body.get("kind", "message") != "message" or not (is_theirs or is_ours):
        return None
    notice = body.get("notice")
    return CustomerLine(
        str(body["id"] if is_theirs else body.get("message_id") or body["id"]),
        int(str(body["seq"])),
        int(str(body["at_ms"])),
        _author(author),
        str(body["text"]),
        turn_id=_text(body.get("turn_id")),
        author_id=_text(body.get("author_id")),
        is_replayed=body.get("replayed") is True,
        notice=notice if notice in ("nobody_online", "callback", "rating") else None,
    )


def standing_of(body: Mapping[str, object]) -> Standing:
    """As the conversation's document tells it."""
    asked = body.get("last_author") == "customer"
    return Standing(
        int(str(body["as_of_seq"])),
        owner_id=_text(body.get("owner_id")),
        handover_id=_text(body.get("handover_id")),
        is_closed=body.get("is_closed") is True,
        asked_ms=int(str(body["updated_ms"])) if asked else None,
        resolved_id=_text(body.get("resolved_id")),
        rated_id=_text(body.get("rated_id")),
    )


def fold_standing(standing: Standing, entry: LogEntry) -> Standing:
    """Take in the next entry of the log."""
    standing = replace(standing, sequence=max(standing.sequence, entry.sequence))
    match entry.message:
        case MessageReceived(author="customer"):
            return replace(standing, is_closed=False, asked_ms=entry.timestamp_ms)
        case MessageSent() | TurnRefused() | ExecutionFinished():
            return replace(standing, asked_ms=None)
        case OpenHandover() as message:
            return replace(standing, handover_id=message.handover_id, asked_ms=None)
        case HandoverFact() as message:
            return _spoken_by(standing, message)
        case ConversationClosed():
            return replace(standing, is_closed=True, asked_ms=None)
        case ConversationRated() as message:
            return replace(standing, rated_id=message.handover_id or standing.resolved_id)
        case _:
            return standing


def _spoken_by(standing: Standing, fact: HandoverFact) -> Standing:
    match fact:
        case HandoverClaimed():
            return replace(standing, owner_id=fact.agent_id, handover_id=fact.handover_id)
        case HandoverReleased():
            return replace(standing, owner_id=None, handover_id=fact.handover_id)
        case HandoverResolved():
            return replace(standing, owner_id=None, handover_id=None, resolved_id=fact.handover_id)
        case _:
            return replace(standing, owner_id=None, handover_id=None)


def public_name(full_name: str | None) -> str | None:
    """What a customer may know of a person of the house: the first name, at most 40 characters."""
    words = (full_name or "").split()
    return words[0][:40] if words else None


def _author(value: object) -> Author:
    match value:
        case "ai" | "human_agent" | "system" | "customer":
            return value
        case _:
            return "system"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
