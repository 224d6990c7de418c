"""Who may speak to the customer: the AI, or which human agent?"""

from typing import Any

import pytest
from tests.support.flows import finish, flow, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.conversations import MessageSent, MessageSuppressed, SendMessage
from contracts.executions import ExecutionFinished, Reason
from contracts.handovers import HandoverClaimed, HandoverReleased, HandoverReturned

PLAIN = flow(simple(), hil={"customer_request_phrases": ["human"]})


def handed_over() -> SimulatedLog:
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    return log


def suppressed(log: SimulatedLog) -> list[MessageSuppressed]:
    return [e.message for e in log.entries if isinstance(e.message, MessageSuppressed)]


def test_a_handover_goes_from_pending_over_active_to_finished() -> None:
    log = handed_over()
    assert log.state.status == "pending_human"
    log.claim()
    assert log.state.status == "human_active"
    log.resolve()
    assert log.state.status == "finished"


def test_messages_while_a_human_is_awaited_or_active_start_nothing() -> None:
    log = handed_over()

    assert log.say("hello?", "2") == []
    log.claim()
    assert log.say("are you there?", "3") == []
    assert log.resolve() == []
    assert kinds(log.say("something new", "4")) == ["completion.request"]


def test_a_conversation_that_is_returned_goes_on_with_the_ai_and_its_facts() -> None:
    log = SimulatedLog(flow(simple(prompt="Known: {{ conversation.facts.order }}"), hil=PHRASES))
    log.say("I want a human")
    log.claim()
    assert log.give_back(order="W7") == []

    assert kinds(log.say("and now?", "2")) == ["completion.request"]
    assert log.open_commands()[0][1].messages[0].content == "Known: W7"


def test_a_released_handover_waits_for_the_next_human() -> None:
    log = handed_over()
    log.claim()
    log.put(HandoverReleased(handover_id="h", ownership_epoch=2, actor_id="ana"))

    assert log.state.status == "pending_human"


def test_the_owner_speaks_to_the_customer() -> None:
    log = handed_over()
    log.claim("ana")

    assert kinds(log.human_says("I am Ana")) == ["message.sent"]
    sent = log.entries[-1].message
    assert isinstance(sent, MessageSent)
    assert (sent.author, sent.author_id, sent.kind, sent.ownership_epoch) == ("human_agent", "ana", "human_reply", 1)


def test_the_same_message_of_a_human_is_sent_once() -> None:
    log = handed_over()
    log.claim("ana")
    log.human_says("I am Ana")

    again = {"message_id": "m1", "text": "I am Ana", "author_id": "ana", "ownership_epoch": 1}
    assert log.put(SendMessage.model_validate(again), id="sent again") == []


@pytest.mark.parametrize(
    ("words", "why"), [({"epoch": 0}, "stale_epoch"), ({"epoch": 9}, "stale_epoch"), ({"by": "bob"}, "not_owner")]
)
def test_a_human_who_does_not_own_the_conversation_is_not_heard(words: dict[str, Any], why: str) -> None:
    log = handed_over()
    log.claim("ana")

    assert kinds(log.human_says("let me", **words)) == ["message.suppressed"]
    assert suppressed(log)[0].reason == why


def test_nobody_speaks_without_a_claim() -> None:
    log = handed_over()

    log.human_says("hello")
    assert suppressed(log)[0].reason == "not_owner"


def test_replies_of_a_human_go_out_in_their_order() -> None:
    log = handed_over()
    log.claim("ana")
    for name in ("m2", "m1"):
        log.append(SendMessage(message_id=name, text=name, author_id="ana", ownership_epoch=1))
    log.settle()

    assert [e.message.text for e in log.entries if isinstance(e.message, MessageSent)] == ["m2", "m1"]


def test_an_answer_of_the_ai_after_a_claim_is_kept_and_not_sent() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    assert log.claim() == []

    assert kinds(log.produce({"reply": "too late"})) == ["message.suppressed", "execution.finished"]
    late = suppressed(log)[0]
    assert (late.text, late.reason, late.ownership_epoch, late.current_epoch) == ("too late", "stale_epoch", 0, 1)
    assert not [e for e in log.entries if isinstance(e.message, MessageSent)]
    assert _end(log).reason == Reason.TAKEN_OVER and not _end(log).success


def test_after_a_claim_nothing_new_is_begun() -> None:
    log = SimulatedLog(flow(simple("look"), simple()))
    log.say("hi")
    log.claim()

    assert kinds(log.produce({"reply": "found"})) == ["execution.finished"]
    assert _end(log).reason == Reason.TAKEN_OVER


def test_after_a_claim_a_silent_finish_has_nothing_to_suppress() -> None:
    log = SimulatedLog(flow(simple(), finish(None)))
    log.say("hi")
    log.claim()

    assert kinds(log.produce({"reply": "x"})) == ["execution.finished"]


def test_a_claim_that_was_given_back_still_silences_the_turn_that_it_took() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.claim()
    log.give_back()

    assert kinds(log.produce({"reply": "late"}))[:2] == ["message.suppressed", "execution.finished"]


def test_while_a_human_has_taken_over_what_runs_is_waited_for_until_its_time_is_up() -> None:
    log = SimulatedLog(flow(simple(limits={"max_retries": 1})))
    log.say("hi")
    log.claim()

    assert log.plan.wake_ms is not None
    assert kinds(log.wait()) == ["execution.finished"]


@pytest.mark.parametrize("epoch", [0, 1])
def test_facts_of_an_epoch_that_is_over_change_nothing(epoch: int) -> None:
    log = handed_over()
    log.claim("ana")
    old: dict[str, Any] = {"handover_id": "h", "ownership_epoch": epoch, "actor_id": "bob"}

    log.put(HandoverClaimed(**old, agent_id="bob"))
    log.put(HandoverReleased(**old))
    log.put(HandoverReturned(**old, facts={"a": 1}))
    assert (log.state.owner, log.state.ownership_epoch, log.state.facts) == ("ana", 1, {})


def _end(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


PHRASES = {"customer_request_phrases": ["human"]}
