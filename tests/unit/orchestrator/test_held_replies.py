"""Does a reply wait for the time in which its author may take it back, and no longer?"""

from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.conversations import MessageSent, MessageSuppressed
from orchestrator.domain.fold_inputs import UNSENT_MAX
from orchestrator.domain.replay import replay

PLAIN = flow(simple(), hil={"customer_request_phrases": ["human"]})


def claimed() -> SimulatedLog:
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    log.claim("ana")
    return log


def sent(log: SimulatedLog) -> list[str]:
    return [e.message.text for e in log.entries if isinstance(e.message, MessageSent)]


def suppressed(log: SimulatedLog) -> list[tuple[str, str]]:
    found = (e.message for e in log.entries if isinstance(e.message, MessageSuppressed))
    return [(message.text, message.reason) for message in found]


def test_a_held_reply_goes_out_when_its_time_is_over() -> None:
    log = claimed()

    assert log.human_says("hello", hold_ms=5_000) == []
    assert log.plan.wake_ms == log.now_ms + 5_000
    assert log.wait(4_999) == []
    assert kinds(log.wait(1)) == ["message.sent"]
    assert log.plan.wake_ms is None


def test_the_same_reply_again_without_a_hold_goes_out_at_once() -> None:
    log = claimed()
    log.human_says("hello", hold_ms=5_000)

    assert kinds(log.human_says("other words", hold_ms=0)) == ["message.sent"]
    assert sent(log) == ["hello"]
    assert log.wait(5_000) == []


def test_a_held_reply_that_is_taken_back_never_reaches_the_customer() -> None:
    log = claimed()
    log.human_says("oops", hold_ms=5_000)

    assert kinds(log.unsend()) == ["message.suppressed"]
    log.wait(5_000)
    assert (sent(log), suppressed(log)) == ([], [("oops", "undone")])
    assert log.human_says("oops", hold_ms=0) == []


def test_what_was_sent_stays_sent() -> None:
    log = claimed()
    log.human_says("hello")

    assert log.unsend() == []
    assert (sent(log), log.state.unsent) == (["hello"], {})


def test_nobody_takes_back_the_reply_of_somebody_else() -> None:
    log = claimed()
    log.human_says("hello", hold_ms=5_000)

    assert log.unsend(by="bob") == []
    log.wait()
    assert sent(log) == ["hello"]


def test_a_wish_to_take_back_that_comes_first_is_remembered() -> None:
    log = claimed()
    log.unsend()

    assert kinds(log.human_says("oops", hold_ms=5_000)) == ["message.suppressed"]
    assert suppressed(log) == [("oops", "undone")]


def test_wishes_for_replies_that_never_come_are_remembered_up_to_a_bound() -> None:
    log = claimed()
    for number in range(UNSENT_MAX + 5):
        log.unsend(f"m{number}")

    assert len(log.state.unsent) == UNSENT_MAX
    assert kinds(log.human_says("the newest", message_id=f"m{UNSENT_MAX + 4}")) == ["message.suppressed"]
    assert kinds(log.human_says("the oldest", message_id="m0")) == ["message.sent"]


def test_a_later_reply_does_not_overtake_a_held_one() -> None:
    log = claimed()
    log.human_says("first", message_id="m1", hold_ms=5_000)
    assert log.human_says("second", message_id="m2") == []

    log.wait()
    assert sent(log) == ["first", "second"]


def test_a_reply_that_was_taken_back_no_longer_keeps_later_ones() -> None:
    log = claimed()
    log.human_says("first", message_id="m1", hold_ms=5_000)
    log.human_says("second", message_id="m2")
    log.unsend("m1")

    assert (sent(log), suppressed(log)) == (["second"], [("first", "undone")])


def test_a_held_reply_does_not_keep_the_one_of_the_next_owner() -> None:
    log = claimed()
    log.human_says("of ana", message_id="m1", hold_ms=5_000)
    log.claim("bob")

    assert kinds(log.human_says("of bob", message_id="m2", by="bob")) == ["message.sent"]
    log.wait()
    assert suppressed(log) == [("of ana", "stale_epoch")]


def test_while_a_reply_is_held_everything_else_goes_on() -> None:
    log = claimed()
    log.human_says("bye", hold_ms=60_000)
    log.resolve()

    assert kinds(log.say("something new", "2")) == ["completion.request"]
    assert log.plan.wake_ms == log.now_ms + 32_000  # The request's own time, before the hold's.
    assert kinds(log.produce({"reply": "hi"})) == ["message.sent", "execution.finished"]
    assert log.plan.wake_ms == log.now_ms + 60_000
    assert kinds(log.wait()) == ["message.suppressed"]


def test_a_conversation_does_not_close_over_a_held_reply() -> None:
    log = claimed()
    log.human_says("bye", hold_ms=60_000)
    log.resolve()
    log.wait(1)
    assert not log.state.is_closed
    log.wait(60_000)

    assert kinds(log.wait(7 * 24 * 3_600_000)) == ["conversation.closed"]


def test_holding_letting_go_and_taking_back_are_decided_again_on_replay() -> None:
    log = claimed()
    log.human_says("one", message_id="m1", hold_ms=5_000)
    log.human_says("two", message_id="m2", hold_ms=5_000)
    log.unsend("m1")
    log.human_says("two", message_id="m2", hold_ms=0)
    log.human_says("three", message_id="m3", hold_ms=1_000)
    log.wait()

    assert sent(log) == ["two", "three"]
    assert replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences == ()
