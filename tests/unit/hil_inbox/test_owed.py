"""What the inbox owes a conversation by itself."""

import pytest
from tests.support.handovers import BASED, asked, ended, opened

from contracts.conversations import AnnounceMessage, MessageReceived, MessageSent, SendMessage
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import (
    ApprovalDelivered,
    HandoverBreached,
    HandoverDelivered,
    HandoverSnoozed,
    HandoverWoken,
    SlaTerms,
)
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased, HandoverResolved
from contracts.suggestions import OfferSuggestion, SuggestionSettled
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.owed import announcement_id, next_wake, owed, queues_to_ask
from hil_inbox.domain.ownership import Ownership, fold_all
from hil_inbox.domain.queues import Match, Queue, Queues, WhenNobody
from hil_inbox.domain.surroundings import Surroundings

MONEY = Queue(
    "money",
    Match(skills=frozenset({"refunds"})),
    terms=SlaTerms(first_response_ms=1_000),
    when_nobody=WhenNobody(message="later", overflow="general"),
)
BACK = Queue("back", Match(reasons=frozenset({"loop"})), when_nobody=WhenNobody(callback="your number?"))
SHIP = Queue("ship", Match(workflows=frozenset({"parcels"})))
GENERAL = Queue("general", terms=SlaTerms(resolution_ms=9_000))
QUEUES = Queues((MONEY, BACK, SHIP, GENERAL))
BUSY = Surroundings(QUEUES, dict.fromkeys(("money", "back", "ship", "general"), 2), {"money": 3})
EMPTY = Surroundings(QUEUES, {})
CLAIMED = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
RELEASED = HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="ana")


def state(*messages: Message) -> Ownership:
    entries = [LogEntry(n + 1, n * 100, f"id{n}", message, 10) for n, message in enumerate(messages)]
    return fold_all(Ownership("acme", "c1"), entries)


def all_owed(start: Ownership, around: Surroundings, *, now_ms: int = 500) -> list[Message]:
    """Append until nothing is owed."""
    found: list[Message] = []
    current = start
    while (one := owed(current, now_ms, around)) is not None:
        found.append(one.message)
        assert len(found) < 20
        current = fold_all(current, [LogEntry(current.sequence + 1, now_ms, one.id, one.message, 10)])
    return found


def money(**fields: object) -> Message:
    return opened("h1", skills=["refunds"], **fields)


def test_a_handover_is_acknowledged_once_with_its_terms_and_its_place() -> None:
    [delivered] = all_owed(state(money()), BUSY)
    assert isinstance(delivered, HandoverDelivered)
    assert (delivered.queue, delivered.terms, delivered.agents_online) == ("money", MONEY.terms, 2)
    assert (delivered.fallback, delivered.waiting_before) == ("none", 3)


@pytest.mark.parametrize(
    ("fields", "queue"),
    [
        ({"skills": ["refunds", "french"]}, "money"),
        ({"reason": "loop"}, "back"),
        ({"workflow": "parcels"}, "ship"),
        ({"workflow": "other"}, "general"),
    ],
)
def test_the_first_queue_that_fits_takes_it_and_the_last_takes_the_rest(fields: dict[str, object], queue: str) -> None:
    assert queues_to_ask(state(opened("h1", **fields)), QUEUES)[0].name == queue


@pytest.mark.parametrize(
    ("fields", "queue"),
    [
        ({"skills": ["refunds", "french"]}, "money"),
        ({"workflow": "parcels"}, "ship"),
        ({"workflow": "other"}, "general"),
    ],
)
def test_an_approval_is_put_once_into_the_first_queue_that_fits(fields: dict[str, object], queue: str) -> None:
    asking = state(asked("a1", **fields))
    assert queues_to_ask(asking, QUEUES)[0].name == queue
    expected = ApprovalDelivered(approval_id="a1", queue=queue, agents_online=2)
    assert all_owed(asking, BUSY) == [expected]


def test_an_approval_overflows_while_nobody_is_online_and_its_customer_hears_nothing() -> None:
    asking = state(asked("a1", skills=["refunds"]))
    assert [one.name for one in queues_to_ask(asking, QUEUES)] == ["money", "general"]
    there = Surroundings(QUEUES, {"money": 0, "general": 1})
    overflown = ApprovalDelivered(approval_id="a1", queue="general", agents_online=1, fallback="overflow")
    assert all_owed(asking, there) == [overflown]
    kept = ApprovalDelivered(approval_id="a1", queue="money", agents_online=0)
    assert all_owed(asking, EMPTY) == all_owed(asking, Surroundings(QUEUES)) == [kept]


@pytest.mark.parametrize("over", [ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana"), ended("x1")])
def test_an_approval_that_is_decided_or_over_is_put_into_no_queue(over: Message) -> None:
    assert all_owed(state(asked("a1"), over), BUSY) == []


def test_an_approval_whose_time_is_over_is_put_into_no_queue() -> None:
    assert all_owed(state(asked("a1", expires_ms=100), asked("a2", expires_ms=100)), BUSY) == []


def test_while_nobody_is_online_the_overflow_queue_takes_it_if_somebody_is_there() -> None:
    around = Surroundings(QUEUES, {"money": 0, "general": 1})
    [delivered] = all_owed(state(money()), around)
    assert isinstance(delivered, HandoverDelivered)
    assert (delivered.queue, delivered.fallback, delivered.agents_online) == ("general", "overflow", 1)
    assert delivered.terms == MONEY.terms
    assert [one.name for one in queues_to_ask(state(money()), QUEUES)] == ["money", "general"]


@pytest.mark.parametrize(
    ("start", "fallback", "text", "notice"),
    [
        (money(), "message", "later", "nobody_online"),
        (opened("h1", reason="loop"), "callback", "your number?", "callback"),
    ],
)
def test_while_nobody_is_there_at_all_the_customer_is_told_once(
    start: Message, fallback: str, text: str, notice: str
) -> None:
    delivered, announced = all_owed(state(start), EMPTY)
    assert isinstance(delivered, HandoverDelivered)
    assert isinstance(announced, AnnounceMessage)
    assert (delivered.fallback, announced.text, announced.notice) == (fallback, text, notice)
    assert announced.message_id == announcement_id("acme", "c1", "h1")


def test_where_nothing_is_declared_or_nobody_knows_nothing_is_said() -> None:
    assert len(all_owed(state(opened("h1")), EMPTY)) == 1
    assert len(all_owed(state(money()), Surroundings(QUEUES))) == 1


def test_who_owns_it_already_is_somebody() -> None:
    [delivered] = all_owed(state(money(), CLAIMED), EMPTY)
    assert isinstance(delivered, HandoverDelivered)
    assert delivered.fallback == "none"


@pytest.mark.parametrize(
    "queues",
    [Queues((GENERAL,)), Queues((Queue("money"), GENERAL))],
)
def test_a_text_that_the_file_no_longer_holds_is_not_said(queues: Queues) -> None:
    delivered = HandoverDelivered(handover_id="h1", queue="money", agents_online=0, fallback="message")
    assert all_owed(state(money(), delivered), Surroundings(queues, {})) == []


def test_a_conversation_taken_from_the_ai_is_acknowledged_when_it_is_let_go() -> None:
    asked = MessageReceived(turn_id="t1", text="hi")
    assert all_owed(state(asked, CLAIMED), BUSY) == []
    [delivered] = all_owed(state(asked, CLAIMED, RELEASED), BUSY)
    assert isinstance(delivered, HandoverDelivered)
    assert delivered.queue == "general"
    [passed] = all_owed(state(asked, CLAIMED, RELEASED.model_copy(update={"queue": "ship"})), BUSY)
    assert isinstance(passed, HandoverDelivered)
    assert passed.queue == "ship"


def test_a_clock_that_ran_out_is_told_once_and_names_who_had_it() -> None:
    before = state(
        money(), HandoverDelivered(handover_id="h1", queue="money", terms=MONEY.terms, agents_online=1), CLAIMED
    )
    assert next_wake(before) == 1_000
    assert all_owed(before, BUSY, now_ms=999) == []
    [breached] = all_owed(before, BUSY, now_ms=1_000)
    assert breached == HandoverBreached(
        handover_id="h1", clock="first_response", due_ms=1_000, owner_id="ana", queue="money"
    )


def test_a_snooze_that_is_over_ends_and_wakes_the_key() -> None:
    delivered = HandoverDelivered(handover_id="h1", queue="general", agents_online=1)
    asleep = state(opened("h1"), delivered, CLAIMED, HandoverSnoozed(handover_id="h1", actor_id="ana", until_ms=2_000))
    assert next_wake(asleep) == 2_000
    assert all_owed(asleep, BUSY, now_ms=1_999) == []
    assert all_owed(asleep, BUSY, now_ms=2_000) == [HandoverWoken(handover_id="h1", actor_id="hil-inbox", at_ms=2_000)]


def test_nothing_is_owed_to_what_is_over_or_never_began() -> None:
    assert (all_owed(state(), BUSY), next_wake(state()), queues_to_ask(state(), QUEUES)) == ([], NEVER_MS, ())
    resolved = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana")
    over = state(money(), CLAIMED, resolved)
    assert (all_owed(over, BUSY), next_wake(over), queues_to_ask(over, QUEUES)) == ([], NEVER_MS, ())


@pytest.mark.parametrize(("text", "outcome", "distance"), [("Hello there", "used", 0), ("Hello dear", "edited", 4)])
def test_a_reply_that_was_sent_settles_its_draft_once(text: str, outcome: str, distance: int) -> None:
    draft = OfferSuggestion(suggestion_id="s1", text="Hello there", origin="asked", based_on=BASED)
    asked = SendMessage(message_id="m1", text=text, author_id="ana", ownership_epoch=1, suggestion_id="s1")
    sent = MessageSent(message_id="m1", text=text, author="human_agent", author_id="ana", based_on=BASED)
    assert all_owed(state(draft, asked), BUSY) == []
    [settled] = all_owed(state(draft, asked, sent), BUSY)
    assert isinstance(settled, SuggestionSettled)
    assert (settled.outcome, settled.edit_distance, settled.message_id) == (outcome, distance, "m1")


def test_a_reply_made_from_a_draft_that_nobody_knows_settles_nothing() -> None:
    asked = SendMessage(message_id="m1", text="hi", author_id="ana", ownership_epoch=1, suggestion_id="s9")
    sent = MessageSent(message_id="m1", text="hi", author="human_agent", author_id="ana", based_on=BASED)
    assert all_owed(state(asked, sent), BUSY) == []


def test_the_key_is_looked_at_when_the_first_approval_is_over_that_nobody_has_decided() -> None:
    first, second = (asked(name, expires_ms=expires_ms) for name, expires_ms in (("a1", 5_000), ("a2", 7_000)))
    decided = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
    assert next_wake(state(first, second)) == 5_000
    assert next_wake(state(first, second, decided)) == 7_000
    assert next_wake(state(first, ended())) == NEVER_MS
    past = asked("a3", expires_ms=100)
    assert next_wake(state(past, past)) == NEVER_MS  # The log has passed it.
