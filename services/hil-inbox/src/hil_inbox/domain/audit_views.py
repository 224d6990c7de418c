"""Who did what, and what was before and after: which entry of the audit does a fact of the log make?"""

from pydantic import JsonValue

from contracts.conversations import MessageSent
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import HandoverSnoozed, HandoverWoken
from contracts.handovers import ApprovalDecided, HandoverFact, HandoverRefused
from contracts.notes import NoteAdded
from contracts.suggestions import SuggestionSettled
from hil_inbox.domain.read_model import NEW_CONVERSATION, Body, View, store

TOLD_ELSEWHERE = {"text", "answer", "facts"}
"""What was said is in the transcript: the audit names its message and does not repeat it."""


def with_audit(before: View, after: View, entry: LogEntry) -> View:
    """The view with an entry in `audit`, if a person did it. `before` is the view without the fact."""
    message = entry.message
    actor = None if message is None else actor_of(message)
    if message is None or actor is None:
        return after
    was = _speaker(before)
    if isinstance(message, ApprovalDecided):
        was = _approval(before, message.approval_id)
    body: dict[str, JsonValue] = {
        "actor_id": actor,
        "action": message.route.name,
        "at_ms": entry.timestamp_ms,
        "seq": entry.sequence,
        "before": dict(was),
        "after": {name: value for name, value in message.model_dump(mode="json").items() if name not in TOLD_ELSEWHERE},
    }
    return store(after, entry, ("audit", f"{after.tenant}/{after.key}/{entry.id}"), body)


def actor_of(message: Message) -> str | None:
    """The person who did it; None for the AI, the customer and the services."""
    match message:
        case MessageSent(author="human_agent"):
            return message.author_id
        case HandoverFact() | HandoverSnoozed() | HandoverWoken() | HandoverRefused():
            return None if message.actor_id == "hil-inbox" else message.actor_id
        case ApprovalDecided() | NoteAdded() | SuggestionSettled():
            return None if message.actor_id == "hil-inbox" else message.actor_id
        case _:
            return None


def _speaker(view: View) -> Body:
    known = view.documents.get(("conversations", f"{view.tenant}/{view.key}"), NEW_CONVERSATION)
    return {"owner_id": known.get("owner_id"), "handover_id": known.get("handover_id"), "epoch": view.epoch}


def _approval(view: View, approval_id: str) -> Body:
    known = view.documents.get(("approvals", approval_id), {})
    return {name: known.get(name) for name in ("state", "verdict", "arguments")}
