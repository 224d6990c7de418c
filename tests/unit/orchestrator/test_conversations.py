"""How do turns of a conversation queue, repeat, get refused, and how does it close?"""

from typing import Any

import pytest
from tests.support.flows import flow, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.conversations import CloseConversation, ConversationClosed, MessageReceived, MessageSent, TurnRefused
from contracts.envelope import BasedOn
from contracts.executions import ExecutionFinished, Reason, StopExecution
from orchestrator.domain.decide import Circumstances, decide, hashes_needed

ANSWERED = ["message.sent", "execution.finished"]
IDLE_MS = 86_400_000


def talk(**blocks: Any) -> SimulatedLog:
    return SimulatedLog(flow(simple(), **blocks))


def refusals(log: SimulatedLog) -> list[tuple[str, str]]:
    return [(e.message.turn_id, e.message.reason) for e in log.entries if isinstance(e.message, TurnRefused)]


def answered(log: SimulatedLog) -> list[tuple[str | None, str]]:
    return [(e.message.turn_id, e.message.text) for e in log.entries if isinstance(e.message, MessageSent)]


def test_a_conversation_goes_from_new_over_processing_to_finished() -> None:
    log = talk()
    assert log.state.status == "new"
    log.say("hi")
    assert log.state.status == "ai_processing"
    log.produce({"reply": "hello"})
    assert log.state.status == "finished"


def test_turns_are_answered_first_in_first_out() -> None:
    log = talk()
    log.say("one", "1")
    assert log.say("two", "2") == []
    assert log.say("three", "3") == []
    for text in ("a", "b", "c"):
        log.produce({"reply": text})

    assert answered(log) == [("1", "a"), ("2", "b"), ("3", "c")]


def test_the_same_answer_to_two_turns_is_sent_to_both() -> None:
    log = talk()
    log.say("hi", "1")
    log.say("hi?", "2")
    log.produce({"reply": "Hello!"})
    log.produce({"reply": "Hello!"})

    assert answered(log) == [("1", "Hello!"), ("2", "Hello!")]


def test_a_queued_turn_sees_what_was_answered_before_it_and_not_what_was_said_after_it() -> None:
    log = talk()
    log.say("one", "1")
    log.say("two", "2")
    log.say("three", "3")
    log.produce({"reply": "answer one"})

    prompt = [(m.role, m.content) for m in log.open_commands()[0][1].messages]
    assert prompt == [("system", "Answer."), ("user", "one"), ("assistant", "answer one"), ("user", "two")]


def test_a_turn_that_is_repeated_is_one_execution_with_one_answer() -> None:
    log = talk()
    log.say("hi")
    for number in range(100):
        assert log.put(MessageReceived(turn_id="1", text="hi"), id=f"copy{number}") == []
    log.produce({"reply": "hello"})
    assert log.put(MessageReceived(turn_id="1", text="hi"), id="late copy") == []

    assert answered(log) == [("1", "hello")]


def test_the_same_turn_with_other_text_is_refused_and_the_first_text_wins() -> None:
    log = talk()
    log.say("hi")

    assert kinds(log.say("something else")) == ["turn.refused"]
    assert refusals(log) == [("1", "text_conflict")]
    assert log.open_commands()[0][1].messages[-1].content == "hi"


@pytest.mark.parametrize("author", ["ai", "human_agent", "system"])
def test_an_echo_of_our_own_message_starts_no_turn(author: str) -> None:
    log = talk()

    assert kinds(log.say("hello", "9", author=author)) == ["turn.refused"]
    assert refusals(log) == [("9", "echo")]
    assert log.state.execution is None


def test_a_message_with_the_channel_id_of_a_sent_one_starts_no_turn() -> None:
    log = talk()
    log.say("hi")
    log.produce({"reply": "hello"})
    sent = next(e.message.message_id for e in log.entries if isinstance(e.message, MessageSent))

    assert kinds(log.say("hello", "9", channel_message_id=sent)) == ["turn.refused"]
    assert refusals(log) == [("9", "echo")]


def test_a_message_with_a_channel_id_of_its_own_starts_a_turn() -> None:
    assert kinds(talk().say("hello", channel_message_id="channel-7")) == ["completion.request"]


def test_a_flood_is_limited_and_says_so() -> None:
    log = talk(limits={"turns_per_minute": 2})
    log.say("one", "1")
    log.say("two", "2")

    assert kinds(log.say("three", "3")) == ["turn.refused"]
    assert refusals(log) == [("3", "flood")]
    log.now_ms += 60_000
    log.say("four", "4")
    assert refusals(log) == [("3", "flood")]


def test_a_full_queue_takes_no_more_turns() -> None:
    log = talk(limits={"turns_queued": 2})
    log.say("one", "1")
    log.say("two", "2")

    assert kinds(log.say("three", "3")) == ["turn.refused"]
    assert refusals(log) == [("3", "queue_full")]
    log.produce({"reply": "a"})
    log.produce({"reply": "b"})
    assert answered(log) == [("1", "a"), ("2", "b")]


def test_a_turn_of_an_unknown_workflow_is_refused() -> None:
    log = talk()

    assert kinds(log.say("hi", workflow="nowhere")) == ["turn.refused"]
    assert refusals(log) == [("1", "unknown_workflow")]


def test_a_tenant_without_a_default_workflow_refuses_turns_that_name_none() -> None:
    log = talk()
    log.append(MessageReceived(turn_id="1", text="hi"))
    decided = decide(log.state, Circumstances(log.now_ms, {}, {})).decision

    assert decided is not None and isinstance(decided.message, TurnRefused)
    assert decided.message.detail == "the tenant has no default workflow"


def test_the_versions_that_a_decision_may_look_at_are_those_of_every_waiting_turn() -> None:
    log = talk()
    log.say("one", "1", workflow="flow")
    log.say("two", "2")

    assert hashes_needed(log.state, {None: "default", "flow": "named"}, {}) == {
        "default",
        "named",
        log.flow.content_hash,
    }


def test_an_execution_stays_pinned_to_its_version() -> None:
    log = talk()
    log.say("hi")
    newer = flow(simple(prompt="Newer."))
    routes = {None: newer.content_hash}
    both = {log.flow.content_hash: log.flow, newer.content_hash: newer}
    log.append(log.state.turns["1"].message.model_copy(update={"turn_id": "2"}))

    assert decide(log.state, Circumstances(log.now_ms, both, routes)).decision is None
    assert log.state.execution is not None and log.state.execution.workflow_hash == log.flow.content_hash


def test_a_reply_that_was_sent_in_this_turn_already_is_suppressed() -> None:
    log = talk()
    say_before(log, turn_id="1", text="HELLO   there")
    log.say("hi")

    assert kinds(log.produce({"reply": "hello there"})) == ["message.suppressed", "execution.finished"]
    assert _end(log).sink == "FINISH"


def test_a_workflow_may_allow_to_repeat_a_reply() -> None:
    log = talk(limits={"allow_repeated_reply": True})
    say_before(log, turn_id="1", text="hello")
    log.say("hi")

    assert kinds(log.produce({"reply": "hello"})) == ANSWERED


def test_a_running_execution_can_be_stopped() -> None:
    log = talk()
    log.say("hi")

    assert kinds(log.put(StopExecution(reason="wrong customer"))) == ["handover.open", "execution.finished"]
    assert (_end(log).reason, _end(log).detail) == (Reason.STOPPED, "wrong customer")


def test_a_stop_ends_nothing_that_begins_after_it() -> None:
    log = talk()
    log.say("one", "1")
    log.produce({"reply": "a"})
    assert log.put(StopExecution()) == []

    assert kinds(log.say("two", "2")) == ["completion.request"]


def test_of_two_stops_the_later_one_counts_in_whatever_order_they_are_folded() -> None:
    log = talk()
    log.append(StopExecution(reason="first"))
    log.append(StopExecution(reason="second"))
    assert log.state.stop is not None and log.state.stop.reason == "second"


def test_an_idle_conversation_closes_after_its_time() -> None:
    log = talk()
    log.say("hi")
    log.produce({"reply": "hello"})

    assert log.plan.wake_ms == log.now_ms + IDLE_MS
    assert log.wait(IDLE_MS - 1) == []
    assert kinds(log.wait(1)) == ["conversation.closed"]
    assert log.state.status == "closed"
    assert log.settle() == []


def test_a_closed_conversation_opens_again_on_a_message() -> None:
    log = talk()
    log.say("hi")
    log.produce({"reply": "hello"})
    log.wait()

    assert kinds(log.say("again", "2")) == ["completion.request"]
    log.produce({"reply": "hello again"})
    assert log.state.status == "finished"
    assert kinds(log.wait()) == ["conversation.closed"]
    assert len({e.id for e in log.entries if isinstance(e.message, ConversationClosed)}) == 2


def test_a_conversation_closes_when_asked_to() -> None:
    log = talk()
    log.say("hi")
    assert log.put(CloseConversation()) == []  # What is going on is finished first.

    assert kinds(log.produce({"reply": "hello"})) == [*ANSWERED, "conversation.closed"]
    assert log.entries[-1].message == log.entries[-1].message.model_copy(update={"reason": "asked"})  # type: ignore[union-attr]


def test_a_message_overrules_an_earlier_wish_to_close() -> None:
    log = talk()
    log.say("hi")
    log.put(CloseConversation())
    log.say("wait", "2")
    log.produce({"reply": "a"})

    assert kinds(log.produce({"reply": "b"})) == ANSWERED
    assert log.state.status == "finished"


def test_a_conversation_of_which_nothing_is_known_is_not_closed() -> None:
    log = talk()

    assert log.put(CloseConversation()) == []


def test_a_conversation_of_an_unknown_version_closes_after_the_usual_time() -> None:
    log = talk()
    log.say("hi", workflow="nowhere")

    assert log.plan.wake_ms == log.now_ms + IDLE_MS


def _end(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


def say_before(log: SimulatedLog, *, turn_id: str, text: str) -> None:
    """An execution of the same turn that another version of the workflow ended after its reply."""
    based_on = BasedOn(now_ms=log.now_ms, fence=0)
    said = MessageSent(based_on=based_on, execution_id="moved", message_id="m0", turn_id=turn_id, text=text)
    log.append(said)
    ended = {"sink": "FINISH", "success": True, "mode": "conversation", "workflow": "flow", "version": "0"}
    times = {"started_ms": log.now_ms, "finished_ms": log.now_ms}
    log.append(ExecutionFinished.model_validate({"based_on": based_on, "execution_id": "moved", **ended, **times}))


def test_a_conversation_that_a_refused_turn_opened_closes_again() -> None:
    log = talk(limits={"turns_per_minute": 1})
    log.say("one", "1")
    log.produce({"reply": "a"})
    log.put(CloseConversation())
    log.say("two", "2")

    assert refusals(log) == [("2", "flood")]
    assert kinds(log.put(CloseConversation())) == ["conversation.closed"]
    assert len({e.id for e in log.entries if isinstance(e.message, ConversationClosed)}) == 2
