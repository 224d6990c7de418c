"""Do folds know messages by their id, commute, and keep what counts?"""

from itertools import permutations

import pytest
from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import CloseConversation, MessageReceived
from contracts.envelope import BasedOn, Decision, LogEntry, Message
from contracts.executions import ExecutionFinished, StopExecution, TimerFired
from contracts.handovers import HandoverRefused
from contracts.tool_calls import ToolCallFailed, ToolCallOutcomeUnknown
from orchestrator.domain.decide import decide
from orchestrator.domain.fold import decided_order, fold, fold_all
from orchestrator.domain.state import Conversation

EMPTY = Conversation(TENANT, KEY)


def entry(sequence: int, message: Message | None, *, id: str | None = None, at_ms: int = 1_000) -> LogEntry:
    return LogEntry(sequence, at_ms, id or f"m{sequence}", message, 10)


def test_a_message_is_skipped_because_its_id_is_known() -> None:
    said = entry(1, MessageReceived(turn_id="1", text="hi"), id="same")
    again = entry(5, MessageReceived(turn_id="2", text="hi"), id="same")
    state = fold(fold(EMPTY, said), again)

    assert (set(state.turns), state.messages, state.last_sequence) == ({"1"}, 1, 5)


def test_a_message_is_never_skipped_because_of_its_sequence() -> None:
    """On replicas an unfenced message may lie below a decision that did not know it (ARCHITECTURE 1, rule 4)."""
    late = entry(3, MessageReceived(turn_id="below", text="hi"))
    state = fold(fold(EMPTY, entry(9, TimerFired())), late)

    assert (set(state.turns), state.last_sequence) == ({"below"}, 9)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_success_of_a_command_beats_its_failure_whichever_came_first(order: tuple[int, ...]) -> None:
    results = [
        entry(1, CompletionFailed(command_id="c", error_class="timeout")),
        entry(2, CompletionProduced(command_id="c", text="good")),
        entry(3, CompletionFailed(command_id="c", error_class="provider_error")),
    ]
    state = EMPTY
    for place in order:
        state = fold(state, results[place])

    assert state.outcomes["c"].sequence == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_failures_of_a_command_the_one_that_lies_first_counts(order: tuple[int, ...]) -> None:
    call = {"command_id": "c", "tool_call_id": "t", "tool": "shop.pay"}
    results = [
        entry(1, ToolCallOutcomeUnknown.model_validate(call)),
        entry(2, ToolCallFailed.model_validate({**call, "error_class": "timeout"})),
    ]
    state = EMPTY
    for place in order:
        state = fold(state, results[place])

    assert isinstance(state.outcomes["c"].message, ToolCallOutcomeUnknown)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_stops_and_of_two_wishes_to_close_the_newest_counts(order: tuple[int, ...]) -> None:
    stops = [entry(1, StopExecution(reason="first")), entry(2, StopExecution(reason="second"))]
    wishes = [entry(3, CloseConversation()), entry(4, CloseConversation())]
    state = EMPTY
    for place in order:
        state = fold(fold(state, stops[place]), wishes[place])

    assert state.stop is not None
    assert (state.stop.reason, state.close_asked) == ("second", 4)


def test_a_message_that_cannot_be_read_counts_and_is_named_by_the_next_decision() -> None:
    log = SimulatedLog(flow(simple()))
    unreadable = entry(1, None)
    log.entries.append(unreadable)
    log.state = fold(log.state, unreadable)
    made = log.say("hi")

    assert log.state.messages == 3
    assert made[0].based_on.inputs[0] == "m1"


def test_messages_that_mean_nothing_to_a_conversation_change_nothing() -> None:
    refused = HandoverRefused(command_id="x", handover_id="h", actor_id="a", reason="not_owner", ownership_epoch=0)
    state = fold(EMPTY, entry(1, refused))

    assert (state.uncovered, state.turns, state.ownership_epoch) == (("m1",), {}, 0)


def test_decisions_name_the_inputs_since_the_one_before_and_no_others() -> None:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.put(TimerFired())
    log.produce({"reply": "x"})

    inputs = [e.message.based_on.inputs for e in log.entries if isinstance(e.message, Decision)]
    assert [len(names) for names in inputs] == [1, 2, 0]
    assert log.state.uncovered == ()


def test_a_log_is_folded_in_the_order_in_which_it_was_decided() -> None:
    said, unseen = entry(1, MessageReceived(turn_id="1", text="hi")), entry(2, MessageReceived(turn_id="2", text="ho"))
    log = SimulatedLog(flow(simple()))
    log.append(MessageReceived(turn_id="1", text="hi"), id="m1")
    decided = decide(log.state, log.circumstances).decision
    assert decided is not None
    decision = entry(3, decided.message, id=decided.id)

    assert [e.sequence for e in decided_order([said, unseen, decision])] == [1, 3, 2]
    assert fold_all(EMPTY, [said, unseen, decision]).uncovered == ("m2",)


def test_an_input_that_is_named_and_not_there_is_left_out() -> None:
    finished = {"sink": "FINISH", "success": True, "mode": "conversation", "workflow": "w", "version": "1"}
    based_on = BasedOn(inputs=("gone",), now_ms=5, fence=0)
    end = ExecutionFinished.model_validate({**finished, "started_ms": 0, "finished_ms": 5, "based_on": based_on})

    assert [e.sequence for e in decided_order([entry(1, end)])] == [1]
    assert fold(EMPTY, entry(1, end)).answered == frozenset()


def test_results_of_executions_that_ended_are_recorded_and_ignored() -> None:
    log = SimulatedLog(flow(simple(limits={"max_retries": 1})))
    log.say("hi")
    command_id = log.open_commands()[0][0]
    log.wait()

    assert kinds(log.put(CompletionProduced(command_id=command_id, node="answer", output={"reply": "x"}))) == []


def test_the_fence_of_a_log_that_is_read_is_its_end_even_where_the_end_is_a_repeat() -> None:
    said = MessageReceived(turn_id="1", text="hi")

    assert fold_all(EMPTY, [entry(1, said, id="same"), entry(2, said, id="same")]).last_sequence == 2
    assert fold_all(EMPTY, []).last_sequence == 0


def test_a_conversation_does_not_stay_closed_over_a_message_that_its_closing_did_not_know() -> None:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.produce({"reply": "hello"})
    before = log.state
    log.wait()
    unseen = entry(99, MessageReceived(turn_id="2", text="wait"))

    for order in ([unseen, *log.entries[-2:]], [*log.entries[-2:], unseen]):
        state = before
        for stored in order:
            state = fold(state, stored)
        assert not state.is_closed
