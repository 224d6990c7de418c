"""Which documents does an entry of the log change?"""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import JsonValue

from contracts.budgets import BudgetExhausted
from contracts.conversations import (
    ConversationClosed,
    ConversationRated,
    MessageReceived,
    MessageSent,
    MessageSuppressed,
)
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished, PatternDetected
from contracts.handover_clocks import (
    ApprovalDelivered,
    HandoverBreached,
    HandoverDelivered,
    HandoverSnoozed,
    HandoverWoken,
)
from contracts.handovers import ApprovalDecided, HandoverFact, HandoverRefused, OpenApproval, OpenHandover
from contracts.notes import NoteAdded
from contracts.streams import HIL_INBOX_EVENTS
from contracts.suggestions import OfferSuggestion, SuggestionSettled
from hil_inbox.domain.approval_views import (
    close_approvals,
    expire_approvals,
    show_approval,
    show_delivery,
    show_verdict,
)
from hil_inbox.domain.audit_views import with_audit
from hil_inbox.domain.handover_views import show_handover, show_speaker
from hil_inbox.domain.line_views import Said, show_event, show_line, show_note, show_rating
from hil_inbox.domain.queue_rows import with_rows
from hil_inbox.domain.read_model import View, show_conversation, store
from hil_inbox.domain.suggestion_views import show_settlement, show_suggestion
from hil_inbox.domain.waiting import fold_waiting


def fold_views(view: View, entries: Iterable[LogEntry]) -> View:
    """Fold entries in the order of the log; `changed` holds the documents to write. What the consumer of events does
    not hear changes only the sequence and tells no time: a view read from the log is that of the deliveries."""
    view = replace(view, changed={})
    for entry in entries:
        view = replace(view, sequence=max(view.sequence, entry.sequence))
        if not isinstance(entry.message, HIL_INBOX_EVENTS.types):
            continue
        before = expire_approvals(replace(view, changed={}), entry)
        after = _fold(replace(before, waiting=fold_waiting(view.waiting, entry)), entry)
        if after.changed or after.waiting != view.waiting:
            after = with_rows(after, entry)
        after = with_audit(before, after, entry)
        view = replace(after, changed={**view.changed, **after.changed})
    return view


def _fold(view: View, entry: LogEntry) -> View:
    match entry.message:
        case OpenHandover() | HandoverFact() as message:
            return _handover(view, entry, message)
        case OpenApproval() | ApprovalDelivered() | ApprovalDecided() | ExecutionFinished() as message:
            return _approval(view, entry, message)
        case MessageReceived() | MessageSent() | MessageSuppressed() | NoteAdded() | ConversationRated() as message:
            return _words(view, entry, message)
        case HandoverDelivered() | HandoverBreached() | HandoverSnoozed() | HandoverWoken() as message:
            return show_event(view, entry, message)
        case OfferSuggestion() | SuggestionSettled() as message:
            return _suggestion(view, entry, message)
        case ConversationClosed() | PatternDetected() | BudgetExhausted() | HandoverRefused() as message:
            return _other(view, entry, message)
        case _:
            return view


def _handover(view: View, entry: LogEntry, message: OpenHandover | HandoverFact) -> View:
    if isinstance(message, OpenHandover):
        return show_event(show_handover(view, entry, message), entry, message)
    return show_event(show_speaker(view, entry, message), entry, message)


def _approval(
    view: View, entry: LogEntry, message: OpenApproval | ApprovalDelivered | ApprovalDecided | ExecutionFinished
) -> View:
    match message:
        case OpenApproval():
            return show_event(show_approval(view, entry, message), entry, message)
        case ApprovalDelivered():
            return show_delivery(view, entry, message)
        case ApprovalDecided():
            return show_event(show_verdict(view, entry, message), entry, message)
        case ExecutionFinished():
            return close_approvals(view, entry, message.execution_id or "")


def _words(view: View, entry: LogEntry, message: Said | NoteAdded | ConversationRated) -> View:
    if isinstance(message, NoteAdded):
        return show_note(view, entry, message)
    if isinstance(message, ConversationRated):
        return show_rating(view, entry, message)
    return show_line(view, entry, message)


def _suggestion(view: View, entry: LogEntry, message: OfferSuggestion | SuggestionSettled) -> View:
    if isinstance(message, OfferSuggestion):
        return show_suggestion(view, entry, message)
    return show_settlement(view, entry, message)


def _other(view: View, entry: LogEntry, message: Message) -> View:
    if isinstance(message, ConversationClosed):
        return show_conversation(view, entry, is_closed=True)
    return _notice(view, entry, message)


def _notice(view: View, entry: LogEntry, message: Message) -> View:
    body: dict[str, JsonValue] = {"type": message.route.type, "at_ms": entry.timestamp_ms}
    body["content"] = message.model_dump(mode="json")
    return store(view, entry, ("notices", f"{view.tenant}/{view.key}/{entry.id}"), body)
