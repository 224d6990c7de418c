"""Does replay make the same decisions again, and tell when a build would not?"""

from dataclasses import replace

from tests.support.flows import finish, flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog

from contracts.conversations import MessageSent
from contracts.executions import ExecutionFinished
from orchestrator.domain.replay import Replayed, replay, versions_named


def answered() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.produce({"reply": "hello"})
    return log


def again(log: SimulatedLog) -> Replayed:
    return replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow})


def test_a_recorded_log_is_decided_again_without_a_difference() -> None:
    assert again(answered()) == Replayed(3, ())


def test_a_flood_a_full_queue_and_a_handover_are_decided_again() -> None:
    log = SimulatedLog(flow(simple(), limits={"turns_per_minute": 2, "turns_queued": 1}))
    log.say("one", "1")
    log.say("two", "2")
    log.produce({"reply": "a"})
    log.say("three", "3")
    log.say("four", "4", workflow="nowhere")
    log.claim()
    log.human_says("hello")

    assert again(log).differences == ()


def test_a_standalone_execution_is_decided_again() -> None:
    log = SimulatedLog(flow(simple()), key=KEY)
    log.start()
    log.produce({"reply": "x"})

    assert again(log) == Replayed(2, ())


def test_an_end_of_an_older_build_that_does_not_say_how_many_people_were_asked_is_no_difference() -> None:
    log = SimulatedLog(flow({"id": "ask", "type": "human", "ask": "May I?"}, finish(None)))
    log.say("hi")
    log.verdict("approve")
    [(place, end)] = [(n, e.message) for n, e in enumerate(log.entries) if isinstance(e.message, ExecutionFinished)]
    assert end.people_asked == 1
    log.entries[place] = replace(log.entries[place], message=end.model_copy(update={"people_asked": 0}))

    assert again(log).differences == ()


def test_a_decision_that_comes_out_otherwise_is_told() -> None:
    log = answered()
    for place, entry in enumerate(log.entries):
        if isinstance(entry.message, MessageSent):
            log.entries[place] = replace(entry, message=entry.message.model_copy(update={"text": "something else"}))

    [difference] = again(log).differences
    assert "something else" in difference.recorded
    assert difference.now is not None and "hello" in difference.now


def test_a_decision_that_would_not_be_made_at_all_is_told() -> None:
    log = answered()
    log.entries = [entry for entry in log.entries if not entry.id.startswith("result:")]

    assert [difference.now for difference in again(log).differences][:1] == [None]


def test_a_log_names_the_versions_that_it_was_decided_with() -> None:
    log = answered()

    assert versions_named(log.entries) == {log.flow.content_hash}
