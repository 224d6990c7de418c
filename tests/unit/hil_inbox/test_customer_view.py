"""What a customer sees of a log, and what never."""

import pytest
from tests.support.chat_kit import said
from tests.support.handovers import BASED, ended, opened

from contracts.conversations import (
    ConversationClosed,
    ConversationRated,
    MessageReceived,
    MessageSuppressed,
    TurnRefused,
)
from contracts.envelope import LogEntry, Message
from contracts.handovers import HandoverClaimed, HandoverReleased, HandoverResolved, HandoverReturned
from contracts.notes import NoteAdded
from hil_inbox.domain.customer_view import (
    WORKS_MS_MAX,
    CustomerLine,
    RefusedTurn,
    Standing,
    fold_standing,
    public_name,
    seen,
    standing_of,
    stored_line,
)
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import View

FACT = {"handover_id": "h1", "actor_id": "ana"}
RECEIVED = MessageReceived(turn_id="1", text="hello")
CLAIMED = HandoverClaimed(**FACT, ownership_epoch=1, agent_id="ana")
RESOLVED = HandoverResolved(**FACT, ownership_epoch=2)
HUMAN = said("Ana here", "m2", author="human_agent", author_id="ana", ownership_epoch=1)
QUESTION = said("How was it?", "m3", author="system", notice="rating", ownership_epoch=2)
LATE = MessageSuppressed(message_id="x", text="late", reason="stale_epoch", based_on=BASED)
STORY: list[Message] = [
    RECEIVED,
    said("hi", "m1", turn_id="1", replayed=True),
    opened("h1"),
    CLAIMED,
    NoteAdded(note_id="n", actor_id="ana", text="note"),
    LATE,
    HUMAN,
    RESOLVED,
    QUESTION,
]


def log(messages: list[Message]) -> list[LogEntry]:
    return [LogEntry(number, number * 1_000, f"id{number}", one, 1) for number, one in enumerate(messages, 1)]


def folded(messages: list[Message]) -> Standing:
    standing = Standing()
    for entry in log(messages):
        standing = fold_standing(standing, entry)
    return standing


def test_only_what_either_side_said_is_seen() -> None:
    lines = [line for line in map(seen, log(STORY)) if isinstance(line, CustomerLine)]
    assert [(line.author, line.text) for line in lines] == [
        ("customer", "hello"),
        ("ai", "hi"),
        ("human_agent", "Ana here"),
        ("system", "How was it?"),
    ]
    assert (lines[1].is_replayed, lines[3].notice) == (True, "rating")


def test_the_documents_show_the_same_lines_and_standing_as_the_log() -> None:
    documents = fold_views(View("acme", "c1"), log(STORY)).changed
    stored = [body for (collection, _), body in documents.items() if collection == "transcript"]
    assert [line for line in map(stored_line, stored) if line] == [line for line in map(seen, log(STORY)) if line]
    standing = standing_of(documents["conversations", "acme/c1"])
    assert standing == folded(STORY)
    assert standing.may_be_rated


def test_an_echo_of_ours_is_not_the_customers() -> None:
    [echo] = log([MessageReceived(turn_id="1", text="x", author="ai")])
    assert seen(echo) is None


def test_a_refused_turn_is_told() -> None:
    refused = TurnRefused(turn_id="1", input_id="i", reason="flood", based_on=BASED)
    assert seen(log([refused])[0]) == RefusedTurn(1, "1", "flood")
    assert folded([RECEIVED, refused]).asked_ms is None


@pytest.mark.parametrize(
    ("more", "owner_id", "handover_id"),
    [
        ([], None, "h1"),
        ([CLAIMED], "ana", "h1"),
        ([CLAIMED, HandoverReleased(**FACT, ownership_epoch=2)], None, "h1"),
        ([CLAIMED, HandoverReturned(**FACT, ownership_epoch=2)], None, None),
        ([CLAIMED, RESOLVED], None, None),
    ],
)
def test_who_speaks_follows_the_facts(more: list[Message], owner_id: str | None, handover_id: str | None) -> None:
    standing = folded([RECEIVED, opened("h1"), *more])
    assert (standing.owner_id, standing.handover_id) == (owner_id, handover_id)
    assert not standing.is_worked_on(1_000) or handover_id is None


def test_the_ai_works_from_a_message_until_its_answer_and_not_for_ever() -> None:
    asked = folded([RECEIVED])
    assert asked.is_worked_on(2_000)
    assert not asked.is_worked_on(1_000 + WORKS_MS_MAX)
    assert not folded([RECEIVED, said("hi", "m1")]).is_worked_on(2_000)
    assert not folded([RECEIVED, ended()]).is_worked_on(2_000)


def test_a_closed_conversation_opens_again_with_a_message() -> None:
    closed = ConversationClosed(reason="idle", based_on=BASED)
    assert folded([RECEIVED, closed]).is_closed
    assert not folded([RECEIVED, closed, RECEIVED]).is_closed


@pytest.mark.parametrize("handover_id", ["h1", None])
def test_what_was_ended_is_rated_once(handover_id: str | None) -> None:
    rated = [*STORY, ConversationRated(rating=4, handover_id=handover_id)]
    assert not folded(rated).may_be_rated
    documents = fold_views(View("acme", "c1"), log([*rated, ConversationRated(rating=1, handover_id="h1")])).changed
    assert documents["conversations", "acme/c1"]["rating"] == 4
    assert documents["queue", "h1"]["rating"] == 4


@pytest.mark.parametrize(
    ("full", "shown"), [("Ana María Ruiz", "Ana"), ("  ", None), (None, None), ("x" * 50, "x" * 40)]
)
def test_of_a_name_the_customer_learns_the_first_part(full: str | None, shown: str | None) -> None:
    assert public_name(full) == shown
