"""Which documents does an entry of the log change?"""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import JsonValue

from contracts.budgets import BudgetExhausted
from contracts.conversations import ConversationClosed, MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished, PatternDetected
from contracts.handovers import ApprovalDecided, HandoverFact, HandoverRefused, OpenApproval, OpenHandover
from hil_inbox.domain.approval_views import close_approvals, show_approval, show_verdict
from hil_inbox.domain.handover_views import show_handover, show_speaker
from hil_inbox.domain.read_model import Place, View, show_conversation, store

Line = MessageReceived | MessageSent | MessageSuppressed


def fold_views(view: View, entries: Iterable[LogEntry]) -> View:
    """Fold entries in the order of the log; `changed` holds the documents to write."""
    view = replace(view, changed={})
    for entry in entries:
        view = _fold(replace(view, sequence=max(view.sequence, entry.sequence)), entry)
    return view


def _fold(view: View, entry: LogEntry) -> View:
    match entry.message:
        case OpenHandover() | HandoverFact() as message:
            return _handover(view, entry, message)
        case OpenApproval() | ApprovalDecided() | ExecutionFinished() as message:
            return _approval(view, entry, message)
        case MessageReceived() | MessageSent() | MessageSuppressed() as message:
            return _line(view, entry, message)
        case ConversationClosed():
            return show_conversation(view, entry, is_closed=True)
        case PatternDetected() | BudgetExhausted() | HandoverRefused() as message:
            return _notice(view, entry, message)
        case _:
            return view


def _handover(view: View, entry: LogEntry, message: OpenHandover | HandoverFact) -> View:
    if isinstance(message, OpenHandover):
        return show_handover(view, entry, message)
    return show_speaker(view, entry, message)


def _approval(view: View, entry: LogEntry, message: OpenApproval | ApprovalDecided | ExecutionFinished) -> View:
    if isinstance(message, OpenApproval):
        return show_approval(view, entry, message)
    if isinstance(message, ApprovalDecided):
        return show_verdict(view, entry, message)
    return close_approvals(view, entry, message.execution_id or "")


def _line(view: View, entry: LogEntry, message: Line) -> View:
    body: dict[str, JsonValue] = {
        "seq": entry.sequence,
        "id": entry.id,
        "at_ms": entry.timestamp_ms,
        "author": message.author,
        "text": message.text,
        "turn_id": message.turn_id,
        "state": message.route.name.removeprefix("message."),
    }
    if not isinstance(message, MessageReceived):
        body |= {"message_id": message.message_id, "author_id": message.author_id, "epoch": message.ownership_epoch}
    if isinstance(message, MessageSent):
        view = replace(view, epoch=max(view.epoch, message.ownership_epoch))
    place: Place = ("transcript", f"{view.tenant}/{view.key}/{entry.id}")
    if isinstance(message, MessageSuppressed):  # Shown to people, but nobody said it.
        return show_conversation(store(view, entry, place, {**body, "reason": message.reason}), entry)
    view = store(view, entry, place, body)
    return show_conversation(view, entry, is_closed=False, last_author=message.author, last_text=message.text[:200])


def _notice(view: View, entry: LogEntry, message: Message) -> View:
    body: dict[str, JsonValue] = {"type": message.route.type, "at_ms": entry.timestamp_ms}
    body["content"] = message.model_dump(mode="json")
    return store(view, entry, ("notices", f"{view.tenant}/{view.key}/{entry.id}"), body)
