"""What is counted of a fact."""

import pytest
from prometheus_client import REGISTRY
from tests.support.handovers import BASED, opened

from contracts.conversations import ConversationRated, MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import HandoverDelivered
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
)
from contracts.suggestions import SuggestionSettled
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.measures import AGAIN_MS, Measure, measures
from hil_inbox.domain.read_model import View
from hil_inbox.handlers.measure import REASON_CODES_MAX, measured

OPENED = (opened("h1"), HandoverDelivered(handover_id="h1", queue="shop", agents_online=1))


def folded(*messages: Message, last_ms: int) -> tuple[View, LogEntry]:
    """The messages a second apart, the last one at `last_ms` after the first."""
    times = [number * 1_000 for number in range(len(messages) - 1)] + [last_ms]
    entries = [
        LogEntry(n + 1, 1_000 + at, f"id{n}", m, 10) for n, (m, at) in enumerate(zip(messages, times, strict=True))
    ]
    return fold_views(View("acme", "c1"), entries), entries[-1]


def of(*messages: Message, last_ms: int = 60_000) -> list[Measure]:
    return list(measures(*folded(*messages, last_ms=last_ms)))


def claimed(epoch: int = 1, **fields: object) -> HandoverClaimed:
    body = {"handover_id": "h1", "ownership_epoch": epoch, "actor_id": "ana", "agent_id": "ana", **fields}
    return HandoverClaimed.model_validate(body)


def released(epoch: int, reason: str = "agent_offline") -> HandoverReleased:
    return HandoverReleased(handover_id="h1", ownership_epoch=epoch, actor_id="hil-inbox", reason=reason)


def sent(name: str) -> MessageSent:
    return MessageSent(
        message_id=name, text="hi", author="human_agent", author_id="ana", ownership_epoch=1, based_on=BASED
    )


def test_a_claim_is_measured_from_when_it_began_to_wait() -> None:
    assert of(*OPENED, claimed()) == [Measure("claim", "shop", "claimed", 60.0)]
    assert of(*OPENED, claimed(), released(2), claimed(3, reason="assigned")) == [
        Measure("claim", "shop", "assigned", 57.0)
    ]


def test_what_did_not_wait_has_no_time_to_claim() -> None:
    transferred = claimed(2, agent_id="bo", reason="transferred", previous_owner_id="ana")
    assert of(*OPENED, claimed(), transferred) == [Measure("claim", "shop", "transferred")]
    said = MessageReceived(turn_id="1", text="hello")
    assert of(said, claimed(reason="out of the blue")) == [Measure("claim", "", "other")]


def test_only_the_first_reply_of_a_person_is_a_first_reply() -> None:
    assert of(*OPENED, claimed(), sent("m1")) == [Measure("first_reply", "shop", value=60.0)]
    assert of(*OPENED, claimed(), sent("m1"), sent("m2")) == []


def test_ends_and_releases_are_measured() -> None:
    resolved = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana")
    returned = HandoverReturned(handover_id="h1", ownership_epoch=2, actor_id="ana")
    assert of(*OPENED, claimed(), resolved) == [Measure("resolution", "shop", "resolved", 60.0)]
    assert of(*OPENED, claimed(), returned) == [Measure("resolution", "shop", "returned", 60.0)]
    assert of(*OPENED, claimed(), released(2)) == [Measure("release", "shop", "agent_offline")]


def test_a_handover_soon_after_an_end_is_one_again() -> None:
    returned = HandoverReturned(handover_id="h1", ownership_epoch=2, actor_id="ana")
    again = (*OPENED, claimed(), returned, opened("h2", ownership_epoch=2))
    assert of(opened("h1")) == [Measure("opened", "", "first")]
    assert [one.word for one in of(*again, last_ms=AGAIN_MS + 2_999)] == ["again"]
    assert [one.word for one in of(*again, last_ms=AGAIN_MS + 3_000)] == ["first"]


def test_ai_messages_kept_back_are_counted() -> None:
    late = MessageSuppressed(message_id="m", text="hi", author="ai", reason="stale_epoch", based_on=BASED)
    assert of(*OPENED, late) == [Measure("suppressed", "shop", "stale_epoch")]
    assert of(*OPENED, late.model_copy(update={"author": "human_agent"})) == []


def test_a_fact_of_an_old_epoch_is_not_counted() -> None:
    assert of(*OPENED, claimed(5), claimed(3)) == []


def test_verdicts_drafts_and_ratings_are_counted_by_kind() -> None:
    rejected = ApprovalDecided(approval_id="a", verdict="reject", actor_id="ana", reason_code="fraud", dwell_ms=1_500)
    edited = SuggestionSettled(
        suggestion_id="s", actor_id="ana", outcome="edited", edit_distance=5, text_characters=20, dwell_ms=2_000
    )
    dismissed = SuggestionSettled(suggestion_id="s", actor_id="ana", outcome="dismissed")
    assert of(rejected) == [
        Measure("decision", "", "reject"),
        Measure("dwell", "", "approval", 1.5),
        Measure("rejection", "", "fraud"),
    ]
    assert of(rejected.model_copy(update={"verdict": "approve", "dwell_ms": None})) == [
        Measure("decision", "", "approve")
    ]
    assert of(edited) == [
        Measure("suggestion", "", "edited"),
        Measure("edit", "", value=0.25),
        Measure("dwell", "", "suggestion", 2.0),
    ]
    assert of(dismissed) == [Measure("suggestion", "", "dismissed")]
    assert of(ConversationRated(rating=4)) == [Measure("rating", "", "4")]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_labels_are_of_closed_sets() -> None:
    measure = measured({"shop"})
    before = counted("hil_inbox_rejections_total", queue="other", reason_code="other")
    for number in range(REASON_CODES_MAX + 3):
        fact = ApprovalDecided(approval_id="a", verdict="reject", actor_id="ana", reason_code=f"code-{number}")
        await measure(*folded(fact, last_ms=0))
    assert counted("hil_inbox_rejections_total", queue="other", reason_code="other") == before + 3


@pytest.mark.parametrize("queue", ["shop", "other"])
async def test_a_claim_is_one_observation(queue: str) -> None:
    before = counted("hil_inbox_claim_seconds_count", queue=queue)
    await measured({queue})(*folded(*OPENED, claimed(), last_ms=7_000))
    assert counted("hil_inbox_claim_seconds_count", queue=queue) == before + 1
