"""Which fact does a note become, and what became of a draft?"""

from contracts.handovers import HandoverRefused
from contracts.notes import AddNote, NoteAdded
from contracts.suggestions import SettleSuggestion, SuggestionSettled
from hil_inbox.domain.edit_distance import edit_distance
from hil_inbox.domain.ownership import Ownership


def decide_note(state: Ownership, command: AddNote, *, now_ms: int) -> NoteAdded | HandoverRefused:
    """Anybody who may act in the tenant may leave a note, whoever speaks."""
    if not state.is_known:
        return _refused(state, command, "unknown_conversation", "nothing was ever said in this conversation")
    return NoteAdded(note_id=command.command_id, actor_id=command.actor_id, text=command.text, at_ms=now_ms)


def decide_settlement(state: Ownership, command: SettleSuggestion) -> SuggestionSettled | HandoverRefused:
    """The first settlement of a draft counts."""
    first = state.settled.get(command.suggestion_id)
    if first is not None:
        detail = f"{first.actor_id} has {first.outcome} it"
        return _refused(state, command, "already_decided", detail, first=first.actor_id)
    text = state.suggestions.get(command.suggestion_id)
    if text is None:
        return _refused(state, command, "unknown_suggestion", f"draft {command.suggestion_id} is not offered here")
    return SuggestionSettled(
        suggestion_id=command.suggestion_id,
        actor_id=command.actor_id,
        outcome=command.outcome,
        text_characters=len(text),
        reason=command.reason,
        dwell_ms=command.dwell_ms,
    )


def settled_by_reply(
    state: Ownership, suggestion_id: str, *, text: str, actor_id: str, message_id: str
) -> SuggestionSettled | None:
    """What a reply that was made from a draft says of it; None where the draft is settled or unknown."""
    draft = state.suggestions.get(suggestion_id)
    if draft is None or suggestion_id in state.settled:
        return None
    distance = edit_distance(draft, text)
    return SuggestionSettled(
        suggestion_id=suggestion_id,
        actor_id=actor_id,
        outcome="used" if distance == 0 else "edited",
        edit_distance=distance,
        text_characters=len(draft),
        message_id=message_id,
    )


def _refused(
    state: Ownership, command: AddNote | SettleSuggestion, reason: str, detail: str, *, first: str | None = None
) -> HandoverRefused:
    return HandoverRefused(
        command_id=command.command_id,
        handover_id=state.handover_id or "",
        actor_id=command.actor_id,
        reason=reason,
        owner_id=first or state.owner_id,
        ownership_epoch=state.epoch,
        detail=detail,
    )
