"""Does each handover trigger end an execution in HANDOVER with its own reason code?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.flows import edge, flow, reasoning, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.conversations import MessageSent
from contracts.executions import SUCCESSFUL_REASONS, ExecutionFinished, Reason, StopExecution
from contracts.handovers import OpenHandover
from orchestrator.domain.decide import Circumstances, decide

ONE_TRY = {"max_retries": 1}


def low_confidence() -> SimulatedLog:
    log = SimulatedLog(flow(simple(), hil={"confidence_min": 0.7}))
    log.say("hi")
    log.produce({"reply": "maybe", "confidence": 0.69})
    return log


def customer_request() -> SimulatedLog:
    log = SimulatedLog(flow(simple(), hil={"customer_request_phrases": ["real person"]}))
    log.say("Give me a REAL Person")
    return log


def agent_request() -> SimulatedLog:
    log = SimulatedLog(flow(reasoning(tools=["shop.transfer"]), hil={"transfer_tools": ["shop.transfer"]}))
    log.say("hi")
    log.call_tools(("shop.transfer", {"summary": "too hard"}))
    log.tool_result("ok")
    return log


def workflow_decision() -> SimulatedLog:
    edges = [edge("answer", "FINISH", "output.reply"), edge("answer", "HANDOVER", "!(output.reply)")]
    log = SimulatedLog(flow(simple(), edges=edges))
    log.say("hi")
    log.produce({"reply": ""})
    return log


def policy() -> SimulatedLog:
    policies = [{"when": "answer.output.amount > `100`", "detail": "large amounts are for people"}]
    log = SimulatedLog(flow(simple(), hil={"policies": policies}))
    log.say("hi")
    log.produce({"reply": "done", "amount": 101})
    return log


def complexity() -> SimulatedLog:
    log = SimulatedLog(flow(simple(), hil={"complexity": {"turns_max": 1}}))
    log.say("one", "1")
    log.produce({"reply": "done"})
    log.say("two", "2")
    return log


def consecutive_errors() -> SimulatedLog:
    log = SimulatedLog(flow(reasoning(), hil={"consecutive_errors_max": 2}))
    log.say("hi")
    log.call_tools(("shop.a", {}), ("shop.b", {}))
    log.tool_fails("denied")
    log.tool_fails("denied")
    return log


def max_retries_exceeded() -> SimulatedLog:
    log = SimulatedLog(flow(simple(limits={"max_retries": 2})))
    log.say("hi")
    log.fail()
    log.wait()
    log.fail()
    return log


def timeout() -> SimulatedLog:
    log = SimulatedLog(flow(simple(limits={"timeout_ms": 2000}, on_limit={"timeout_ms": "handover"})))
    log.say("hi")
    log.wait()
    return log


def max_iterations_exceeded() -> SimulatedLog:
    log = SimulatedLog(flow(reasoning(limits={"max_iterations": 1})))
    log.say("hi")
    log.call_tools(("shop.a", {}))
    log.tool_result("ok")
    return log


def deadline_exceeded() -> SimulatedLog:
    log = SimulatedLog(flow(simple(), limits={"deadline_ms": 5000}))
    log.say("hi")
    log.wait()
    return log


def budget_exceeded() -> SimulatedLog:
    log = SimulatedLog(flow(simple(limits={"max_cost": 0.01})))
    log.say("hi")
    log.fail(cost_microdollars=10_000)
    log.wait()
    return log


def breaker_open() -> SimulatedLog:
    log = SimulatedLog(flow(simple()), breakers=frozenset({"flow/answer"}))
    log.say("hi")
    return log


def tool_outcome_unknown() -> SimulatedLog:
    log = SimulatedLog(flow(reasoning()))
    log.say("hi")
    log.call_tools(("shop.pay", {}))
    log.tool_unknown()
    return log


def no_matching_edge() -> SimulatedLog:
    log = SimulatedLog(flow(simple(), edges=[edge("answer", "FINISH", "output.reply")]))
    log.say("hi")
    log.produce({"reply": ""})
    return log


def log_limit() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.state = replace(log.state, messages=1_999)
    log.produce({"reply": "too late"})
    return log


def taken_over() -> SimulatedLog:
    log = SimulatedLog(flow(simple(limits=ONE_TRY)))
    log.say("hi")
    log.claim()
    log.fail()
    return log


def stopped() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.put(StopExecution(reason="asked by a supervisor"))
    return log


def ai_stopped() -> SimulatedLog:
    log = SimulatedLog(flow(simple()), stops={"*": "ana"})
    log.say("hi")
    return log


def version_missing() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    gone = Circumstances(log.now_ms, {}, log.circumstances.routes)
    while (decided := decide(log.state, gone).decision) is not None:
        log.append(decided.message, id=decided.id)
    return log


def node_failed() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.fail("invalid_request", retryable=False)
    return log


def empty_reply() -> SimulatedLog:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.produce({"reply": "  "})
    return log


SCENES: dict[Reason, Callable[[], SimulatedLog]] = {
    reason: scene for reason in Reason if (scene := globals().get(reason.value)) is not None
}


def test_every_reason_code_has_a_scene() -> None:
    assert set(SCENES) == set(Reason)


@pytest.mark.parametrize("reason", SCENES, ids=str)
def test_a_trigger_hands_over_with_its_own_reason_code(reason: Reason) -> None:
    log = SCENES[reason]()

    finished = [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)]
    assert [(f.sink, f.reason, f.success) for f in finished][-1:] == [
        ("HANDOVER", reason, reason in SUCCESSFUL_REASONS)
    ]


@pytest.mark.parametrize("reason", sorted(set(SCENES) - {Reason.TAKEN_OVER}), ids=str)
def test_a_trigger_opens_one_handover_with_a_packet_and_says_nothing_to_the_customer(reason: Reason) -> None:
    log = SCENES[reason]()
    execution = _last(log, ExecutionFinished).execution_id

    ours = [e.message for e in log.entries if getattr(e.message, "execution_id", None) == execution]
    opened = [m for m in ours if isinstance(m, OpenHandover)]
    assert [(m.reason, m.packet.reason) for m in opened] == [(reason, reason)]
    assert not [m for m in ours if isinstance(m, MessageSent)]
    assert log.state.status == "pending_human"


def test_a_take_over_opens_no_second_handover() -> None:
    log = taken_over()

    assert not [e for e in log.entries if isinstance(e.message, OpenHandover)]
    assert log.state.status == "human_active"


def test_a_sink_gives_its_own_reason_skills_and_priority() -> None:
    sink = {"id": "HANDOVER", "type": "sink", "action": "handover_to_human"}
    own = {**sink, "reason": "not_a_return", "skills": ["returns"], "priority": "high"}
    edges = [edge("answer", "FINISH", "output.reply"), edge("answer", "HANDOVER", "!(output.reply)")]
    log = SimulatedLog(flow(simple(), own, edges=edges, hil={"skills": ["any"], "priority": "low"}))
    log.say("hi")
    log.produce({"reply": ""})

    opened = _last(log, OpenHandover)
    assert (opened.reason, opened.skills, opened.priority) == ("not_a_return", ("returns",), "high")


def test_without_the_sinks_own_the_workflows_skills_and_priority_count() -> None:
    log = SimulatedLog(
        flow(simple(), hil={"skills": ["any"], "priority": "low", "customer_request_phrases": ["human"]})
    )
    log.say("human")

    opened = _last(log, OpenHandover)
    assert (opened.skills, opened.priority) == (("any",), "low")


def test_a_log_of_sixteen_mebibytes_is_full() -> None:
    log = SimulatedLog(flow(simple()))
    log.say("hi")
    log.state = replace(log.state, bytes_stored=16 * 1024 * 1024)

    assert kinds(log.produce({"reply": "x"})) == ["handover.open", "execution.finished"]
    assert _last(log, OpenHandover).reason == Reason.LOG_LIMIT


def test_enough_confidence_is_no_trigger() -> None:
    log = SimulatedLog(flow(simple(confidence_min=0.5), hil={"confidence_min": 0.9}))
    log.say("hi")

    assert kinds(log.produce({"reply": "sure", "confidence": 0.5})) == ["message.sent", "execution.finished"]


def test_an_output_without_a_confidence_is_no_trigger() -> None:
    log = SimulatedLog(flow(simple(), hil={"confidence_min": 0.9}))
    log.say("hi")

    assert kinds(log.produce({"reply": "sure"})) == ["message.sent", "execution.finished"]


def test_turns_that_come_in_later_do_not_make_the_current_one_complex() -> None:
    log = SimulatedLog(flow(simple(), hil={"complexity": {"turns_max": 1}}))
    log.say("one", "1")

    assert log.say("two", "2") == []
    assert kinds(log.produce({"reply": "done"}))[:2] == ["message.sent", "execution.finished"]


def test_tool_calls_beyond_the_limit_are_complex() -> None:
    log = SimulatedLog(flow(reasoning(), hil={"complexity": {"tool_calls_max": 2}}))
    log.say("hi")
    log.call_tools(("shop.a", {}), ("shop.b", {}))
    log.tool_result(1)
    log.tool_result(2)

    assert kinds(log.call_tools(("shop.c", {}))) == ["handover.open", "execution.finished"]
    assert _last(log, OpenHandover).reason == Reason.COMPLEXITY


def test_another_attempt_of_the_last_allowed_tool_call_is_not_one_call_more() -> None:
    log = SimulatedLog(flow(reasoning(), hil={"complexity": {"tool_calls_max": 1}}))
    log.say("hi")
    log.call_tools(("shop.a", {}))
    log.tool_fails("server_unavailable", retryable=True)

    assert kinds(log.wait()) == ["tool_call.execute"]


def _last(log: SimulatedLog, kind: type[Any]) -> Any:
    return [e.message for e in log.entries if isinstance(e.message, kind)][-1]
