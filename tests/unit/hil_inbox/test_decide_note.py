"""Notes, and what became of drafts."""

import pytest
from tests.support.handovers import BASED, opened

from contracts.conversations import MessageSuppressed, SendMessage
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import TransferHandover
from contracts.handovers import ClaimHandover, HandoverClaimed, HandoverRefused, ResolveHandover
from contracts.notes import AddNote, NoteAdded
from contracts.suggestions import OfferSuggestion, SettleSuggestion, SuggestionSettled
from hil_inbox.domain.decide_command import decide_command, is_overtaken, owed_replies
from hil_inbox.domain.edit_distance import CHARACTERS_MAX, edit_distance
from hil_inbox.domain.ownership import SUGGESTIONS_MAX, Ownership, fold_all

NOTE = AddNote(command_id="k1", actor_id="bo", text="a good customer")
CLAIMED = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
DRAFT = OfferSuggestion(suggestion_id="s1", text="Hello", origin="asked", based_on=BASED)
DISMISS = SettleSuggestion(command_id="k1", suggestion_id="s1", actor_id="ana", reason="wrong", dwell_ms=7)


def after(*messages: Message) -> Ownership:
    entries = [LogEntry(n + 1, n, f"id{n}", message, 10) for n, message in enumerate(messages)]
    return fold_all(Ownership("acme", "c1"), entries)


def reply(message_id: str = "m1", author_id: str = "ana", epoch: int = 1) -> SendMessage:
    return SendMessage(message_id=message_id, text="hi", author_id=author_id, ownership_epoch=epoch, hold_ms=5_000)


def resolve(actor_id: str = "ana") -> ResolveHandover:
    return ResolveHandover(command_id="k1", actor_id=actor_id, ownership_epoch=1)


def test_a_note_is_kept_whoever_speaks_in_a_conversation_that_exists() -> None:
    fact = decide_command(after(opened("h1")), NOTE, now_ms=9)
    assert fact == NoteAdded(note_id="k1", actor_id="bo", text="a good customer", at_ms=9)
    refused = decide_command(after(), NOTE, now_ms=9)
    assert isinstance(refused, HandoverRefused)
    assert refused.reason == "unknown_conversation"


def test_a_draft_is_settled_once_and_the_second_is_told_who_was_first() -> None:
    fact = decide_command(after(DRAFT), DISMISS, now_ms=9)
    assert fact == SuggestionSettled(
        suggestion_id="s1", actor_id="ana", outcome="dismissed", text_characters=5, reason="wrong", dwell_ms=7
    )
    again = decide_command(after(DRAFT, fact), DISMISS.model_copy(update={"actor_id": "bo"}), now_ms=9)
    assert isinstance(again, HandoverRefused)
    assert (again.reason, again.owner_id) == ("already_decided", "ana")


def test_a_late_answer_of_the_ai_is_a_draft_and_an_old_draft_is_none() -> None:
    late = MessageSuppressed(message_id="s1", text="Hello", reason="stale_epoch", based_on=BASED)
    assert isinstance(decide_command(after(late), DISMISS, now_ms=9), SuggestionSettled)
    newer = [DRAFT.model_copy(update={"suggestion_id": f"n{number}"}) for number in range(SUGGESTIONS_MAX)]
    refused = decide_command(after(DRAFT, *newer), DISMISS, now_ms=9)
    assert isinstance(refused, HandoverRefused)
    assert refused.reason == "unknown_suggestion"


def test_giving_up_waits_for_own_replies_of_this_epoch_until_they_are_decided() -> None:
    state = after(opened("h1"), CLAIMED, reply(), reply("m2", "bo"), reply("m3", epoch=0))
    assert [one.message_id for one in owed_replies(state, resolve())] == ["m1"]
    transfer = TransferHandover(command_id="k1", actor_id="ana", ownership_epoch=1, to_queue="q")
    assert [one.message_id for one in owed_replies(state, transfer)] == ["m1"]
    assert list(owed_replies(state, resolve("bo"))) == []
    assert list(owed_replies(state, ClaimHandover(command_id="k1", actor_id="ana", ownership_epoch=1))) == []
    undone = MessageSuppressed(
        message_id="m1", text="hi", author="human_agent", author_id="ana", reason="undone", based_on=BASED
    )
    after_undo = after(opened("h1"), CLAIMED, reply(), undone, reply())  # Asked for again, it does not come back.
    assert list(owed_replies(after_undo, resolve())) == []


def test_who_cannot_be_waited_for_is_told_which_replies_are_on_their_way() -> None:
    refused = decide_command(after(opened("h1"), CLAIMED, reply(), reply("m2")), resolve(), now_ms=9)
    assert isinstance(refused, HandoverRefused)
    assert (refused.reason, refused.detail[:20]) == ("reply_in_flight", "not sent yet: m1, m2")
    stale = resolve().model_copy(update={"ownership_epoch": 0})
    late = decide_command(after(opened("h1"), CLAIMED, reply()), stale, now_ms=9)
    assert isinstance(late, HandoverRefused)
    assert late.reason == "stale_epoch"


def test_only_a_newer_epoch_makes_a_refusal_final() -> None:
    state = after(opened("h1"), CLAIMED)
    claims = [ClaimHandover(command_id="k1", actor_id="bo", ownership_epoch=epoch) for epoch in (0, 1, 2)]
    assert [is_overtaken(state, claim) for claim in claims] == [True, False, False]
    assert not is_overtaken(state, NOTE)


@pytest.mark.parametrize(
    ("before", "now", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("x" * (CHARACTERS_MAX + 10), "x" * CHARACTERS_MAX, 10),
        ("x" * CHARACTERS_MAX, "", CHARACTERS_MAX),
    ],
)
def test_an_edit_distance_is_exact_up_to_a_length(before: str, now: str, distance: int) -> None:
    assert edit_distance(before, now) == distance
