"""What becomes of a tool call: in a loop, in a node of its own, and under a person's approval?"""

from typing import Any

import pytest
from tests.support.flows import edge, finish, flow, reasoning, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.completions import RequestCompletion
from contracts.conversations import MessageSent
from contracts.executions import ExecutionFinished, Reason
from contracts.tool_calls import ExecuteToolCall, ToolCallApprovalRequired

HANDED_OVER = ["handover.open", "execution.finished"]
RESULT_REPLY = finish("call.output.text")


def in_loop(**blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(reasoning(), **blocks))
    log.say("hi")
    return log


def tool_node(**fields: Any) -> SimulatedLog:
    node = {"id": "call", "type": "tool", "tool": "shop.pay", "arguments": {"text": "{{ turn.text }}"}, **fields}
    log = SimulatedLog(flow(node, RESULT_REPLY, *([simple("plan_b")] if "plan_b" in str(fields) else []), edges=EDGE))
    log.say("hi")
    return log


def held(**fields: Any) -> SimulatedLog:
    """A tool node whose call policy holds for approval."""
    log = tool_node(**fields)
    log.tool_held()
    return log


def last(log: SimulatedLog, kind: type[Any]) -> Any:
    return [e.message for e in log.entries if isinstance(e.message, kind)][-1]


def reason(log: SimulatedLog) -> str | None:
    return str(last(log, ExecutionFinished).reason)


def tool_texts(log: SimulatedLog) -> list[str]:
    """What the model is told of its tool calls."""
    return [message.content for message in last(log, RequestCompletion).messages]


def test_a_loop_goes_on_with_the_results_and_only_with_what_is_new() -> None:
    log = in_loop()
    first = log.open_commands()[0][0]
    log.call_tools(("shop.a", {"n": 1}))

    assert kinds(log.tool_result({"found": 2})) == ["completion.request"]
    request = last(log, RequestCompletion)
    assert (request.iteration, request.continues) == (2, first)
    assert [(m.role, m.tool_call_id, m.content) for m in request.messages] == [("tool", "call0", '{"found": 2}')]
    assert kinds(log.produce("done")) == ["message.sent", "execution.finished"]


def test_calls_of_one_iteration_run_side_by_side_and_all_are_awaited() -> None:
    log = in_loop()

    assert kinds(log.call_tools(("shop.a", {}), ("shop.b", {}))) == ["tool_call.execute"] * 2
    assert log.tool_result("a") == []
    assert kinds(log.tool_result("b")) == ["completion.request"]


def test_results_come_in_the_order_of_the_calls_whichever_came_first() -> None:
    log = in_loop()
    log.call_tools(("shop.a", {}), ("shop.b", {}), ("shop.c", {}))
    for command_id, call in reversed(log.open_commands()):
        log.focus = command_id
        log.tool_result(f"of {call.tool}")

    assert tool_texts(log) == ["of shop.a", "of shop.b", "of shop.c"]
    assert [m.tool_call_id for m in last(log, RequestCompletion).messages] == ["call0", "call1", "call2"]


def test_a_call_id_that_a_model_repeats_in_one_answer_is_one_call() -> None:
    log = in_loop()
    call = {"tool_call_id": "same", "tool": "shop.a", "arguments": {}}

    assert kinds(log.produce("", tool_calls=[call, call])) == ["tool_call.execute"]


def test_the_same_call_id_in_another_iteration_is_another_call() -> None:
    log = in_loop()
    log.call_tools(("shop.a", {}))
    log.tool_result("one")
    log.call_tools(("shop.a", {}))
    log.tool_result("two")

    keys = {e.message.idempotency_key for e in log.entries if isinstance(e.message, ExecuteToolCall)}
    assert len(keys) == 2
    assert tool_texts(log) == ["two"]


def test_every_attempt_of_a_call_has_the_same_idempotency_key() -> None:
    log = in_loop()
    log.call_tools(("shop.a", {}))
    log.tool_fails("timeout", retryable=True)
    log.wait()

    calls = [e.message for e in log.entries if isinstance(e.message, ExecuteToolCall)]
    assert [call.attempt for call in calls] == [1, 2]
    assert len({call.idempotency_key for call in calls}) == 1


def test_a_call_that_failed_for_good_is_told_to_the_model() -> None:
    log = in_loop()
    log.call_tools(("shop.a", {}))
    log.tool_fails("denied", detail="not yours")

    assert tool_texts(log) == ["Error: denied: not yours"]


def test_a_call_that_failed_too_often_is_told_to_the_model() -> None:
    log = SimulatedLog(flow(reasoning(limits={"max_retries": 1})))
    log.say("hi")
    log.call_tools(("shop.a", {}))
    log.tool_fails("server_unavailable", retryable=True)

    assert tool_texts(log) == ["Error: answer: 1 of 1 attempts failed, the last with server_unavailable"]


def test_an_error_that_a_tool_reports_does_not_count_as_a_failed_call() -> None:
    log = in_loop(hil={"consecutive_errors_max": 1})
    log.call_tools(("shop.a", {}))

    assert kinds(log.tool_result("not found", is_error=True)) == ["completion.request"]


def test_a_good_call_in_between_breaks_the_row_of_errors() -> None:
    log = in_loop(hil={"consecutive_errors_max": 2})
    for outcome in (log.tool_fails, lambda: log.tool_result("fine"), log.tool_fails):
        log.call_tools(("shop.a", {}))
        assert kinds(outcome()) == ["completion.request"]


def test_errors_in_a_row_are_counted_over_iterations() -> None:
    log = in_loop(hil={"consecutive_errors_max": 2})
    log.call_tools(("shop.a", {}))
    log.tool_fails()
    log.call_tools(("shop.a", {}))

    assert kinds(log.tool_fails()) == HANDED_OVER
    assert reason(log) == Reason.CONSECUTIVE_ERRORS


def test_a_transfer_that_failed_is_no_transfer() -> None:
    log = in_loop(hil={"transfer_tools": ["shop.transfer"]})
    log.call_tools(("shop.transfer", {}))

    assert kinds(log.tool_fails()) == ["completion.request"]


def test_a_transfer_says_why_in_the_agents_words() -> None:
    log = in_loop(hil={"transfer_tools": ["shop.transfer"]})
    log.call_tools(("shop.transfer", {"reason": "wants the manager"}))
    log.tool_result("ok")

    assert last(log, ExecutionFinished).detail == "wants the manager"


def test_a_result_of_which_the_model_can_no_longer_hear_starts_nothing() -> None:
    log = SimulatedLog(flow(reasoning(limits={"max_retries": 1, "timeout_ms": 1_000})))
    log.say("hi")
    log.call_tools(("shop.pay", {}))
    late = log.open_commands()[0][0]
    assert kinds(log.wait()) == ["completion.request"]  # The model was told that the call timed out.

    held_late = ToolCallApprovalRequired(
        command_id=late, tool_call_id="call0", tool="shop.pay", policy="p", arguments_hash="h"
    )
    assert log.put(held_late) == []


def test_a_tool_nodes_output_is_the_tools_result() -> None:
    log = tool_node()

    assert log.open_commands()[0][1].arguments == {"text": "hi"}
    assert log.open_commands()[0][1].tools_allowed == ("shop.pay",)
    assert kinds(log.tool_result({"text": "paid"})) == ["message.sent", "execution.finished"]
    assert last(log, MessageSent).text == "paid"


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"error_class": "denied"}, Reason.NODE_FAILED),
        ({"error_class": "budget_exceeded"}, Reason.BUDGET_EXCEEDED),
        ({"error_class": "server_unavailable", "retryable": True}, Reason.MAX_RETRIES_EXCEEDED),
    ],
)
def test_a_tool_node_that_fails_says_which_limit_it_reached(fact: dict[str, Any], code: Reason) -> None:
    log = tool_node(limits={"max_retries": 1})

    assert kinds(log.tool_fails(**fact)) == HANDED_OVER
    assert reason(log) == code


def test_a_tool_node_takes_the_reaction_to_the_limit_that_it_reached() -> None:
    log = tool_node(on_limit={"timeout_ms": {"fallback": "plan_b"}})

    assert [command.node for command in log.wait() if isinstance(command, RequestCompletion)] == ["plan_b"]


def test_a_tool_node_goes_nowhere_on_an_error_that_the_tool_reports() -> None:
    log = tool_node()

    assert kinds(log.tool_result("no such order", is_error=True)) == HANDED_OVER
    assert reason(log) == Reason.NODE_FAILED


def test_an_unknown_outcome_is_never_tried_again() -> None:
    log = tool_node()

    assert kinds(log.tool_unknown()) == HANDED_OVER
    assert reason(log) == Reason.TOOL_OUTCOME_UNKNOWN


EDGE = [edge("call", "FINISH")]
