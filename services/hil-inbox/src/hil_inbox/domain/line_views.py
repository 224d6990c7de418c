"""What do people see of what was said and done: the lines of a conversation, in the order of the log?"""

from dataclasses import replace

from pydantic import JsonValue

from contracts.conversations import ConversationRated, MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry
from contracts.handover_clocks import HandoverBreached, HandoverDelivered, HandoverSnoozed, HandoverWoken
from contracts.handovers import ApprovalDecided, HandoverFact, OpenApproval, OpenHandover
from contracts.notes import NoteAdded
from hil_inbox.domain.read_model import NEW_CONVERSATION, View, show_conversation, store
from hil_inbox.domain.suggestion_views import show_late_answer

LAST_CHARACTERS_MAX = 200
Said = MessageReceived | MessageSent | MessageSuppressed
Event = (
    OpenHandover
    | HandoverFact
    | HandoverDelivered
    | HandoverBreached
    | HandoverSnoozed
    | HandoverWoken
    | OpenApproval
    | ApprovalDecided
)
SHOWN_OF_EVENTS = (
    "handover_id", "approval_id", "reason", "reason_code", "detail", "agent_id", "previous_owner_id", "queue", "team",
    "note", "clock", "due_ms", "until_ms", "fallback", "resolution", "outcome", "promises", "not_again", "verdict",
    "tool", "ask", "edit_distance",
)  # fmt: skip


def show_line(view: View, entry: LogEntry, message: Said) -> View:
    """A message between customer, AI and people. A suppressed one is shown to people, but nobody said it."""
    body = {
        **_line(entry, "message", author=message.author, text=message.text),
        "turn_id": message.turn_id,
        "state": message.route.name.removeprefix("message."),
    }
    if isinstance(message, MessageReceived):
        return _said(_kept(view, entry, body), entry, message)
    body |= {"message_id": message.message_id, "author_id": message.author_id, "epoch": message.ownership_epoch}
    if isinstance(message, MessageSuppressed):
        view = _kept(view, entry, {**body, "reason": message.reason})
        return show_late_answer(show_conversation(view, entry), entry, message)
    view = replace(view, epoch=max(view.epoch, message.ownership_epoch))
    return _said(_kept(view, entry, {**body, "notice": message.notice, "replayed": message.replayed}), entry, message)


def show_note(view: View, entry: LogEntry, note: NoteAdded) -> View:
    """For people only."""
    body = _line(entry, "note", author="human_agent", text=note.text)
    return _kept(view, entry, {**body, "author_id": note.actor_id, "state": "kept"})


def show_event(view: View, entry: LogEntry, message: Event) -> View:
    """Something that happened to the conversation, with who did it and the few words about it."""
    name = message.route.name
    said = message.model_dump(mode="json", include=set(SHOWN_OF_EVENTS), exclude_defaults=True)
    body = _line(entry, "event", author="system", text="")
    actor_id = getattr(message, "actor_id", None)
    return _kept(view, entry, {**body, "author_id": actor_id, "state": name, "content": said})


def show_rating(view: View, entry: LogEntry, rating: ConversationRated) -> View:
    """The first rating of a conversation's newest handover counts; each is shown."""
    body = _line(entry, "event", author="customer", text=rating.comment)
    content: JsonValue = {"rating": rating.rating}
    view = _kept(view, entry, {**body, "author_id": None, "state": "conversation.rated", "content": content})
    known = view.documents.get(("conversations", f"{view.tenant}/{view.key}"), NEW_CONVERSATION)
    return show_conversation(view, entry, rating=known.get("rating") or rating.rating)


def _line(entry: LogEntry, kind: str, *, author: str, text: str) -> dict[str, JsonValue]:
    return {
        "seq": entry.sequence,
        "id": entry.id,
        "at_ms": entry.timestamp_ms,
        "kind": kind,
        "author": author,
        "text": text,
    }


def _kept(view: View, entry: LogEntry, body: dict[str, JsonValue]) -> View:
    return store(view, entry, ("transcript", f"{view.tenant}/{view.key}/{entry.id}"), body)


def _said(view: View, entry: LogEntry, message: MessageReceived | MessageSent) -> View:
    known = view.documents.get(("conversations", f"{view.tenant}/{view.key}"), NEW_CONVERSATION)
    changes: dict[str, JsonValue] = {
        "is_closed": False,
        "last_author": message.author,
        "last_text": message.text[:LAST_CHARACTERS_MAX],
        "last_ms": entry.timestamp_ms,
    }
    if isinstance(message, MessageReceived):
        changes["unanswered"] = int(str(known["unanswered"])) + 1
        if message.entity is not None:
            changes["customer"] = message.entity
    elif message.author != "system":
        changes["unanswered"] = 0
    return show_conversation(view, entry, **changes)
