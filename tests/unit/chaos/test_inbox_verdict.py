"""The judge of the inbox's kill test notices each kind of broken promise."""

import pytest
from tests.chaos.inbox.verdict import Answers, broken_presence, broken_promises

from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased, HandoverResolved
from contracts.notes import NoteAdded

BASED = BasedOn(now_ms=1, fence=0)
CLAIM = HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="ana", agent_id="ana")
THEFT = HandoverClaimed(handover_id="h", ownership_epoch=2, actor_id="bo", agent_id="bo")
NOTE = NoteAdded(note_id="n1", actor_id="ana", text="x")
REPLY = MessageSent(message_id="r1", text="hi", author="human_agent", author_id="ana", based_on=BASED)
AI = MessageSent(message_id="m1", text="hi", author="ai", based_on=BASED)
KEPT = MessageSuppressed(message_id="r1", text="hi", author="human_agent", reason="stale_epoch", based_on=BASED)
END = HandoverResolved(handover_id="h", ownership_epoch=2, actor_id="ana")
VERDICT = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
GONE = HandoverReleased(handover_id="h", ownership_epoch=2, actor_id="hil-inbox", reason="agent_offline")
WHOLE = (CLAIM, NOTE, REPLY, END, VERDICT)
LEFT = {"replies": [], "notes": [], "verdicts": [], "resolved": [], "left": ["h"], "shown": {"h": "open"}}


def judged(*messages: Message, **changes: object) -> list[str]:
    told = Answers([("ana", 1)], ["r1"], ["n1"], [("a1", "approve", "ana")], [2])
    told.shown = {"h": "resolved", "a1": "decided"}
    for name, value in changes.items():
        setattr(told, name, value)
    log = [LogEntry(number, number, f"id{number}", message, 1) for number, message in enumerate(messages, start=1)]
    return broken_promises({"c1": told}, {"c1": log})


def test_a_log_that_says_what_everybody_was_told_breaks_nothing() -> None:
    assert judged(*WHOLE) == []
    assert judged(CLAIM, GONE, **LEFT) == []
    assert broken_presence({"ana"}, {"inbox": {"ana": "online", "bo": "offline"}}) == []


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (WHOLE[1:], "ana was told to own epoch 1"),
        ((*WHOLE, CLAIM), "epoch 1 was begun 2 times"),
        ((CLAIM, THEFT, NOTE, REPLY, VERDICT), "bo got what ana owned"),
        ((*WHOLE, THEFT.model_copy(update={"ownership_epoch": 3})), "bo owns epoch 3, and was not told so"),
        ((CLAIM, REPLY, END, VERDICT), "note n1 is there 0 times"),
        ((*WHOLE, NOTE), "note n1 is there 2 times"),
        ((CLAIM, NOTE, END, VERDICT), "reply r1 was sent 0 times"),
        ((*WHOLE, REPLY), "reply r1 was sent 2 times"),
        ((CLAIM, NOTE, KEPT, END, VERDICT), "kept back 1 times"),
        ((CLAIM, NOTE, END, REPLY, VERDICT), "ana spoke in r1 while no person had the word"),
        ((CLAIM, AI, *WHOLE[1:]), "the AI spoke in m1 while ana had the word"),
        ((CLAIM, NOTE, REPLY, VERDICT), "resolved in epoch 2, the log does not say so"),
        ((*WHOLE, END.model_copy(update={"ownership_epoch": 4})), "resolved in epoch 4, and nobody was told so"),
        ((CLAIM, NOTE, REPLY, END), "counted, and is not in the log"),
        ((*WHOLE, VERDICT.model_copy(update={"verdict": "reject"})), "approval a1 was decided 2 times"),
        ((*WHOLE, VERDICT.model_copy(update={"approval_id": "a2"})), "counted, and nobody was told so"),
        ((*WHOLE, GONE), "handover h was re-homed 1 times, not 0"),
        ((CLAIM, NOTE, REPLY, VERDICT), "h is shown as resolved, and is claimed"),
    ],
)
def test_each_broken_promise_is_noticed(messages: tuple[Message, ...], text: str) -> None:
    assert any(text in found for found in judged(*messages))


@pytest.mark.parametrize(("times", "messages"), [(0, (CLAIM,)), (2, (CLAIM, GONE, GONE))])
def test_what_was_left_must_be_rehomed_once(times: int, messages: tuple[Message, ...]) -> None:
    assert f"c1: handover h was re-homed {times} times, not 1" in judged(*messages, **LEFT)


def test_a_reply_that_nobody_was_told_of_is_noticed() -> None:
    assert judged(*WHOLE, replies=[]) == ["c1: reply r1 was sent, and nobody was told so"]


def test_an_answer_that_nobody_should_get_and_a_document_that_is_late_are_noticed() -> None:
    assert judged(*WHOLE, odd=["two won"]) == ["c1: two won"]
    assert judged(*WHOLE, shown={"h": "resolved"}) == ["c1: a1 is shown as None, and is decided"]


def test_a_conversation_whose_log_is_gone_breaks_all_promises() -> None:
    found = broken_promises({"c1": Answers([("ana", 1)], ["r1"], ["n1"], [("a1", "approve", "ana")], [2], ["h"])}, {})
    assert len(found) == 6


def test_who_is_shown_otherwise_than_they_are_is_noticed() -> None:
    shown = {"one": {"ana": "online"}, "two": {"bo": "busy"}}
    assert broken_presence({"ana"}, shown) == ["two shows ana as offline", "two shows bo as busy"]
