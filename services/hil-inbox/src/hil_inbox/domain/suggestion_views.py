"""What do people see of the drafts that the AI offers them?"""

from contracts.conversations import MessageSuppressed
from contracts.envelope import LogEntry
from contracts.suggestions import OfferSuggestion, SuggestionSettled
from hil_inbox.domain.read_model import Body, Place, View, store


def show_suggestion(view: View, entry: LogEntry, offer: OfferSuggestion) -> View:
    """A draft that was asked for, or why there is none; offered twice is offered once."""
    state = "failed" if offer.error else "offered"
    fields = offer.model_dump(mode="json", include={"text", "origin", "error", "replayed"})
    return _offered(view, entry, offer.suggestion_id, {**fields, "state": state})


def show_late_answer(view: View, entry: LogEntry, message: MessageSuppressed) -> View:
    """What the AI wrote as a person had already taken over."""
    if message.author != "ai" or message.reason != "stale_epoch":
        return view
    body: Body = {"text": message.text, "origin": "late_answer", "error": "", "replayed": False, "state": "offered"}
    return _offered(view, entry, message.message_id, body)


def show_settlement(view: View, entry: LogEntry, fact: SuggestionSettled) -> View:
    """The first settlement stays."""
    place: Place = ("suggestions", fact.suggestion_id)
    known = view.documents.get(place)
    if known is None or known["state"] != "offered":
        return view
    settled = fact.model_dump(mode="json", exclude={"suggestion_id"})
    return store(view, entry, place, {**known, "state": fact.outcome, "settled": settled})


def _offered(view: View, entry: LogEntry, suggestion_id: str, body: Body) -> View:
    place: Place = ("suggestions", suggestion_id)
    if place in view.documents:
        return view
    return store(view, entry, place, {**body, "at_ms": entry.timestamp_ms, "seq": entry.sequence})
