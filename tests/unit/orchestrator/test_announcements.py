"""Does the house reach the customer whoever speaks, without being taken for an answer?"""

import pytest
from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.conversations import MessageSent
from orchestrator.domain.replay import replay

PLAIN = flow(simple(), hil={"customer_request_phrases": ["human"]})


def announced(log: SimulatedLog) -> list[MessageSent]:
    messages = [e.message for e in log.entries if isinstance(e.message, MessageSent)]
    return [message for message in messages if message.author == "system"]


def handed_over() -> SimulatedLog:
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    return log


def test_an_announcement_is_sent_once_in_the_name_of_the_house() -> None:
    log = handed_over()
    log.claim("ana")

    assert kinds(log.announce("Nobody is here.", notice="nobody_online")) == ["message.sent"]
    assert log.announce("Nobody is here.") == []
    [message] = announced(log)
    assert (message.author, message.kind, message.notice) == ("system", "reply", "nobody_online")
    assert (message.ownership_epoch, message.turn_id, message.execution_id) == (1, None, None)


def test_an_announcement_is_no_answer_of_the_ai() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.announce()

    assert log.state.execution is not None and log.state.execution.reply_id is None
    assert kinds(log.produce({"reply": "hello"})) == ["message.sent", "execution.finished"]


def test_the_same_words_of_the_house_do_not_silence_the_ai() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.announce("hello")

    assert kinds(log.produce({"reply": "hello"})) == ["message.sent", "execution.finished"]


def test_an_announcement_stands_in_the_transcript_and_in_prompts() -> None:
    log = handed_over()
    log.claim()
    log.resolve()
    log.announce("Please rate us.", notice="rating")
    log.say("what now?", "2")

    assert [line.author for line in log.state.transcript] == ["customer", "system", "customer"]
    assert "Please rate us." in [message.content for message in log.open_commands()[0][1].messages]


@pytest.mark.parametrize("is_closed", [False, True])
def test_an_announcement_comes_after_the_end_too_and_starts_nothing(is_closed: bool) -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.produce({"reply": "hello"})
    if is_closed:
        log.wait(7 * 24 * 3_600_000)

    assert kinds(log.announce()) == ["message.sent"]
    assert (log.state.is_closed, log.state.execution) == (is_closed, None)


def test_announcements_do_not_keep_a_conversation_open() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.produce({"reply": "hello"})
    due = log.plan.wake_ms
    log.now_ms += 1_000_000

    log.announce()
    assert log.plan.wake_ms == due


def test_announcements_are_decided_again_on_replay() -> None:
    log = handed_over()
    log.announce(message_id="a1")
    log.claim()
    log.announce(message_id="a2", notice="callback")

    assert replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences == ()
