"""The judge of the inbox's kill test notices each kind of broken promise."""

import pytest
from tests.chaos.inbox_verdict import Answers, broken_promises

from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased, HandoverResolved
from contracts.notes import NoteAdded

BASED = BasedOn(now_ms=1, fence=0)
CLAIM = HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="ana", agent_id="ana")
NOTE = NoteAdded(note_id="n1", actor_id="ana", text="x")
REPLY = MessageSent(message_id="r1", text="hi", author="human_agent", author_id="ana", based_on=BASED)
KEPT = MessageSuppressed(message_id="r1", text="hi", author="human_agent", reason="stale_epoch", based_on=BASED)
END = HandoverResolved(handover_id="h", ownership_epoch=2, actor_id="ana")
VERDICT = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
GONE = HandoverReleased(handover_id="h", ownership_epoch=2, actor_id="hil-inbox", reason="agent_offline")
WHOLE = (CLAIM, NOTE, REPLY, END, VERDICT)


def judged(*messages: Message, **changes: object) -> list[str]:
    told = Answers([("ana", 1)], ["r1"], ["n1"], [("a1", "approve", "ana")], [2])
    for name, value in changes.items():
        setattr(told, name, value)
    log = [LogEntry(number, number, f"id{number}", message, 1) for number, message in enumerate(messages, start=1)]
    return broken_promises({"c1": told}, {"c1": log})


def test_a_log_that_says_what_everybody_was_told_breaks_nothing() -> None:
    assert judged(*WHOLE) == []


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (WHOLE[1:], "ana was told to own epoch 1"),
        ((*WHOLE, CLAIM), "epoch 1 was begun 2 times"),
        ((CLAIM, REPLY, END, VERDICT), "note n1 is there 0 times"),
        ((*WHOLE, NOTE), "note n1 is there 2 times"),
        ((CLAIM, NOTE, END, VERDICT), "reply r1 was sent 0 times"),
        ((*WHOLE, REPLY), "reply r1 was sent 2 times"),
        ((CLAIM, NOTE, KEPT, END, VERDICT), "kept back 1 times"),
        ((CLAIM, NOTE, REPLY, VERDICT), "resolved in epoch 2"),
        ((CLAIM, NOTE, REPLY, END), "counted, and is not in the log"),
        ((*WHOLE, VERDICT.model_copy(update={"verdict": "reject"})), "approval a1 was decided 2 times"),
        ((*WHOLE, GONE), "handover h was re-homed 1 times, not 0"),
    ],
)
def test_each_broken_promise_is_noticed(messages: tuple[Message, ...], text: str) -> None:
    assert any(text in found for found in judged(*messages))


def test_what_was_left_must_be_rehomed_once() -> None:
    assert judged(CLAIM, GONE, replies=[], notes=[], verdicts=[], resolved=[], left=["h"]) == []
    [found] = judged(CLAIM, replies=[], notes=[], verdicts=[], resolved=[], left=["h"])
    assert "re-homed 0 times, not 1" in found


def test_a_reply_that_nobody_was_told_of_is_noticed() -> None:
    assert judged(*WHOLE, replies=[]) == ["c1: reply r1 was sent, and nobody was told so"]
