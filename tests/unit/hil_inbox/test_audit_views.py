"""What the audit says of a fact."""

from tests.support.handovers import BASED, asked, opened

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import LogEntry, Message
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import Body, View


def audit(*messages: Message) -> list[Body]:
    entries = [LogEntry(n + 1, 1_000 + n, f"id{n + 1}", message, 10) for n, message in enumerate(messages)]
    changed = fold_views(View("acme", "c1"), entries).changed
    return [body for (collection, _), body in changed.items() if collection == "audit"]


def test_a_fact_by_a_person_has_actor_time_before_and_after() -> None:
    claimed = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
    released = HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="bo")
    first, second = audit(opened("h1"), claimed, released)
    assert (first["actor_id"], first["action"], first["at_ms"]) == ("ana", "handover.claimed", 1_001)
    assert first["before"] == {"owner_id": None, "handover_id": "h1", "epoch": 0}
    assert (second["actor_id"], second["before"]) == ("bo", {"owner_id": "ana", "handover_id": "h1", "epoch": 1})
    assert second["after"]["ownership_epoch"] == 2


def test_a_verdict_says_what_was_asked_and_what_was_decided() -> None:
    verdict = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
    [entry] = audit(asked("a1"), verdict)
    assert entry["before"] == {"state": "pending", "verdict": None, "arguments": {"cents": 4900}}
    assert entry["after"]["verdict"] == "approve"


def test_what_was_said_is_named_and_not_repeated_and_others_than_people_are_not_in_it() -> None:
    human = MessageSent(
        message_id="m1", text="my secret", author="human_agent", author_id="ana", ownership_epoch=1, based_on=BASED
    )
    by_ai = MessageSent(message_id="m2", text="hi", ownership_epoch=1, based_on=BASED)
    [entry] = audit(MessageReceived(turn_id="1", text="hello"), human, by_ai)
    assert entry["actor_id"] == "ana"
    assert "my secret" not in str(entry)
