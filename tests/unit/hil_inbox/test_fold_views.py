"""What people see, folded from the log."""

import json
from dataclasses import replace

from tests.support.handovers import BASED, asked, ended, opened
from tests.support.samples import SAMPLES, type_of

from contracts.budgets import BudgetExhausted
from contracts.catalogue import BY_TYPE, read_message
from contracts.conversations import ConversationClosed, MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry, Message
from contracts.executions import TimerFired
from contracts.handover_clocks import HandoverDue
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverPacket,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    PacketAction,
    PacketMessage,
)
from contracts.streams import HIL_INBOX_EVENTS
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.handover_views import PACKET_BYTES_MAX, fit_packet
from hil_inbox.domain.read_model import View

PLACE = ("conversations", "acme/c1")


def entries(*messages: Message | None) -> list[LogEntry]:
    return [LogEntry(n + 1, 1_000 + n, f"id{n + 1}", message, 10) for n, message in enumerate(messages)]


def view(*messages: Message | None) -> View:
    return fold_views(View("acme", "c1"), entries(*messages))


def claimed(epoch: int = 1) -> HandoverClaimed:
    return HandoverClaimed(handover_id="h1", ownership_epoch=epoch, actor_id="ana", agent_id="ana")


def test_what_documents_show_is_what_their_consumer_hears() -> None:
    """Projector and feed fold what they are delivered, without looking into the log: nothing else may matter."""
    before = fold_views(view(opened("h1"), asked("a1"), claimed()), [])
    others = [sample for sample in SAMPLES if BY_TYPE[type_of(sample)] not in HIL_INBOX_EVENTS.types]
    assert others
    for sample in others:
        message = read_message(f"{type_of(sample)}.acme.c1", sample.read_bytes())
        after = fold_views(before, [LogEntry(9, 9_000, "id9", message, 10)])
        assert replace(after, sequence=before.sequence) == before, sample.name


def test_a_handover_goes_through_its_states() -> None:
    messages: list[Message] = [
        opened("h1", priority="high"),
        claimed(),
        HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="ana"),
        claimed(3),
        HandoverReturned(handover_id="h1", ownership_epoch=4, actor_id="ana"),
    ]
    states = [view(*messages[: n + 1]).documents["handovers", "h1"]["state"] for n in range(5)]
    assert states == ["open", "claimed", "open", "claimed", "returned"]
    shown = view(*messages).documents["handovers", "h1"]
    assert (shown["rank"], shown["opened_ms"], shown["returned_ms"], shown["as_of_seq"]) == (1, 1_000, 1_004, 5)


def test_the_conversation_says_who_speaks() -> None:
    resolved = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana")
    assert view(opened("h1"), claimed()).documents[PLACE]["owner_id"] == "ana"
    shown = view(opened("h1"), claimed(), resolved).documents[PLACE]
    assert (shown["owner_id"], shown["handover_id"], shown["epoch"]) == (None, None, 2)


def test_a_fact_of_an_old_epoch_and_a_repeated_opening_change_nothing() -> None:
    shown = view(opened("h1"), claimed(2), claimed(1), opened("h1", priority="urgent"))
    assert shown.documents["handovers", "h1"]["as_of_seq"] == 2


def test_a_take_over_without_a_handover_is_shown_as_one() -> None:
    assert view(claimed()).documents["handovers", "h1"]["reason"] == "taken_over"


def test_an_approval_is_pending_until_decided_or_its_execution_ends() -> None:
    verdict = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
    second = ApprovalDecided(approval_id="a1", verdict="reject", actor_id="bo", reason="no")
    shown = view(asked("a1"), asked("a2"), asked("a1"), verdict, second, ended("x1"))
    assert shown.documents["approvals", "a1"]["state"] == "decided"
    assert shown.documents["approvals", "a1"]["decided_ms"] == 1_003
    assert shown.documents["approvals", "a2"]["state"] == "closed"
    assert view(verdict).documents == {}


def test_an_approval_is_over_once_the_log_has_passed_its_time_and_a_late_verdict_is_kept() -> None:
    verdict = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
    asked_for = [opened("h1"), asked("a1", expires_ms=1_003)]
    unheard = TimerFired(timer_id="wake", due_ms=1_003)
    before = view(*asked_for, HandoverDue(), unheard)
    assert before.documents["queue", "a1"]["state"] == "waiting"
    assert before.documents["queue", "h1"]["approvals_pending"] == 1
    for last in (HandoverDue(), verdict):
        shown = view(*asked_for, HandoverDue(), last).documents
        over = shown["approvals", "a1"]
        assert (over["state"], over["outcome"], over["closed_ms"]) == ("closed", "expired", 1_003)
        row = shown["queue", "a1"]
        assert (row["state"], row["outcome"], row["closed_ms"], row["as_of_seq"]) == ("done", "expired", 1_003, 4)
        assert shown["queue", "h1"]["approvals_pending"] == 0
        assert ("late_verdict" in over, "verdict" in over) == (last is verdict, False)
    in_time = view(*asked_for, verdict, HandoverDue(), HandoverDue()).documents["queue", "a1"]
    assert (in_time["state"], in_time["outcome"]) == ("done", "approve")


def test_an_approval_that_is_stored_after_its_time_waits_for_nobody() -> None:
    shown = view(asked("a1", expires_ms=1_000)).documents["queue", "a1"]
    assert (shown["state"], shown["outcome"]) == ("done", "expired")


def test_the_transcript_has_what_was_said_and_what_was_held_back() -> None:
    sent = MessageSent(message_id="m1", text="hi", ownership_epoch=3, based_on=BASED)
    held = MessageSuppressed(message_id="m2", text="late", reason="stale_epoch", based_on=BASED)
    shown = view(MessageReceived(turn_id="1", text="hello"), sent, held)
    lines = [body for place, body in shown.changed.items() if place[0] == "transcript"]
    assert [line["state"] for line in lines] == ["received", "sent", "suppressed"]
    assert lines[2]["reason"] == "stale_epoch"
    assert shown.documents[PLACE]["last_text"] == "hi"
    assert shown.epoch == 3
    assert not [place for place in shown.documents if place[0] == "transcript"]


def test_a_closed_conversation_opens_again_on_a_message() -> None:
    closed = ConversationClosed(reason="idle", based_on=BASED)
    assert view(closed).documents[PLACE]["is_closed"] is True
    assert view(closed, MessageReceived(turn_id="1", text="x")).documents[PLACE]["is_closed"] is False


def test_a_spent_budget_is_a_notice() -> None:
    spent = BudgetExhausted(
        command_id="k", scope="node", scope_id="n", cap_microdollars=1, spent_microdollars=1, requested_microdollars=1
    )
    [(place, body)] = view(spent).changed.items()
    assert place == ("notices", "acme/c1/id1")
    assert body["type"] == "hil.evt.budget.exhausted.v1"


def test_what_people_do_not_see_changes_only_the_sequence() -> None:
    shown = view(None)
    assert (shown.sequence, shown.changed, shown.documents) == (1, {}, {})


def test_folding_on_gives_only_what_changed_since() -> None:
    first = view(opened("h1"))
    second = fold_views(first, [LogEntry(9, 2_000, "id9", claimed(), 10)])
    own = {("transcript", "acme/c1/id9"), ("audit", "acme/c1/id9")}
    assert set(second.changed) == {("handovers", "h1"), ("queue", "h1"), PLACE} | own


def test_a_packet_too_large_for_a_document_is_shortened_and_says_so() -> None:
    large = "x" * 60_000
    lines = tuple(PacketMessage(id=str(n), author="ai", text=large, at_ms=1) for n in range(50))
    actions = tuple(PacketAction(id=str(n), tool="t", outcome="completed", result=large) for n in range(20))
    actions += (PacketAction(id="cut", tool="t", outcome="unknown", result="it may have had its effect"),)
    packet = HandoverPacket(reason="policy", ask="money", transcript=lines, actions=actions)
    fitted = fit_packet(opened("h1", packet=packet))
    assert isinstance(fitted, dict)
    assert len(json.dumps(fitted)) <= PACKET_BYTES_MAX
    assert (fitted["ask"], fitted["transcript_is_complete"]) == ("money", False)
    assert isinstance(fitted["actions"], list) and len(fitted["actions"]) == 21
    assert [action["result"] for action in fitted["actions"][-2:]] == [None, "it may have had its effect"]  # type: ignore[index, call-overload]
    hopeless = fit_packet(opened("h1", packet=packet.model_copy(update={"ask": "y" * 2_000_000})))
    assert hopeless == {"schema_version": 1, "reason": "customer_request", "transcript_is_complete": False}
