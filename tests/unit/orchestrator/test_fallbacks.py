"""Which node stands in for one that failed, and what is said when none is left?"""

from typing import Any

from tests.support.flows import edge, finish, flow, reasoning, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.conversations import MessageSent
from contracts.executions import ExecutionFinished, Reason, TimerFired
from contracts.handovers import OpenHandover
from orchestrator.domain.decide import decide

HANDED_OVER = ["handover.open", "execution.finished"]
ANSWERED = ["message.sent", "execution.finished"]


def talk(*nodes: dict[str, Any], **blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(*nodes, **blocks))
    log.say("hi")
    return log


def finished(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


def test_a_default_response_is_sent_once_then_handed_over_and_is_no_success() -> None:
    log = talk(simple(limits={"max_retries": 1}, default_response="We will be back."))

    assert kinds(log.fail()) == ["message.sent", *HANDED_OVER]
    sent = [e.message for e in log.entries if isinstance(e.message, MessageSent)]
    assert [(m.text, m.kind, m.reason) for m in sent] == [
        ("We will be back.", "default_response", Reason.MAX_RETRIES_EXCEEDED)
    ]
    end = finished(log)
    assert (end.sink, end.success, end.default_response) == ("HANDOVER", False, True)
    assert end.reason == Reason.MAX_RETRIES_EXCEEDED


def test_a_result_that_comes_after_the_default_response_changes_nothing() -> None:
    log = talk(simple(limits={"timeout_ms": 1_000, "max_retries": 1}, default_response="Sorry."))
    late = log.open_commands()[0][0]
    log.now_ms += 60_000
    log.append(TimerFired())
    decided = decide(log.state, log.circumstances).decision
    assert decided is not None
    log.append(decided.message, id=decided.id)

    made = log.put(CompletionProduced(command_id=late, node="answer", output={"reply": "here I am"}))
    assert kinds([decided.message, *made]) == ["message.sent", *HANDED_OVER]


def test_a_standalone_execution_has_nobody_to_tell_the_default_response() -> None:
    log = SimulatedLog(flow(simple(limits={"max_retries": 1}, default_response="Sorry.")), key="e1")
    log.start()

    assert kinds(log.fail()) == HANDED_OVER


def test_a_fallback_node_stands_in_and_its_output_is_the_nodes_output() -> None:
    log = talk(simple(limits={"max_retries": 1}, fallback="plan_b"), simple("plan_b", profile="powerful"), edges=CHAIN)

    assert kinds(log.fail()) == ["completion.request"]
    assert kinds(log.produce({"reply": "from plan b"}, node="plan_b")) == ANSWERED
    assert [e.message.text for e in log.entries if isinstance(e.message, MessageSent)] == ["from plan b"]


def test_a_stand_in_never_runs_by_itself() -> None:
    log = talk(simple(fallback="plan_b"), simple("plan_b"), edges=CHAIN)

    assert [command.node for _, command in log.open_commands()] == ["answer"]


def test_fallbacks_form_a_chain_and_the_default_response_comes_last() -> None:
    once = {"max_retries": 1}
    log = talk(
        simple(limits=once, fallback="plan_b", default_response="Sorry."),
        simple("plan_b", limits=once, fallback="plan_c"),
        simple("plan_c", limits=once),
        edges=CHAIN,
    )

    assert kinds(log.fail(node="answer")) == ["completion.request"]
    assert kinds(log.fail(node="plan_b")) == ["completion.request"]
    assert kinds(log.fail(node="plan_c")) == ["message.sent", *HANDED_OVER]
    assert finished(log).default_response


def test_a_fallback_to_the_handover_sink_is_a_handover() -> None:
    log = talk(simple(limits={"max_retries": 1}, fallback="HANDOVER"))

    assert kinds(log.fail()) == HANDED_OVER
    assert finished(log).reason == Reason.MAX_RETRIES_EXCEEDED


def test_each_limit_has_its_own_reaction() -> None:
    on_limit = {"timeout_ms": {"fallback": "plan_b"}, "max_retries": {"default_response": "Sorry."}}
    node = simple(limits={"max_retries": 1}, on_limit=on_limit)

    assert kinds(talk(node, simple("plan_b"), edges=CHAIN).wait()) == ["completion.request"]
    assert kinds(talk(node, simple("plan_b"), edges=CHAIN).fail())[0] == "message.sent"


def test_a_loop_without_an_answer_takes_its_fallback() -> None:
    log = talk(reasoning(limits={"max_iterations": 1}, fallback="plan_b"), simple("plan_b"), edges=CHAIN)
    log.call_tools(("shop.a", {}))

    assert [m.node for m in log.tool_result("ok") if isinstance(m, RequestCompletion)] == ["plan_b"]


def test_a_loop_that_may_be_retried_begins_anew_with_its_first_prompt() -> None:
    limits = {"max_iterations": 1, "max_retries": 2}
    log = talk(reasoning(limits=limits, on_limit={"max_iterations": "retry"}))
    first = log.open_commands()[0][1]
    log.call_tools(("shop.a", {}))
    log.tool_result("ok")
    second = log.open_commands()[0][1]
    log.call_tools(("shop.a", {}))
    log.tool_result("ok")

    assert (second.messages, second.continues) == (first.messages, None)
    assert finished(log).reason == Reason.MAX_RETRIES_EXCEEDED


def test_what_a_stand_in_sees_is_what_the_node_would_have_seen() -> None:
    nodes = [
        simple("look"),
        simple(limits={"max_retries": 1}, fallback="plan_b"),
        simple("plan_b", prompt="About {{ look.output.reply }}."),
    ]
    log = talk(*nodes, edges=[edge("look", "answer"), edge("answer", "FINISH")])
    log.produce({"reply": "order 7"}, node="look")
    log.fail(node="answer")

    assert log.open_commands()[-1][1].messages[0].content == "About order 7."


def test_the_edges_of_a_node_go_on_from_its_stand_ins_output() -> None:
    edges = [edge("answer", "FINISH", "output.reply == 'b'"), edge("answer", "HANDOVER", "output.reply != 'b'")]
    nodes = [simple(limits={"max_retries": 1}, fallback="plan_b"), simple("plan_b"), finish("answer.output.reply")]
    log = talk(*nodes, edges=edges)
    log.fail()

    assert kinds(log.produce({"reply": "b"})) == ANSWERED


def test_a_reason_of_a_handover_is_in_the_packet_with_its_detail() -> None:
    log = talk(simple(limits={"max_retries": 1}))
    log.fail("rate_limited")

    packet = next(e.message.packet for e in log.entries if isinstance(e.message, OpenHandover))
    assert packet.detail == "answer: 1 of 1 attempts failed, the last with rate_limited"


def test_a_stand_in_that_two_nodes_name_answers_each_of_them_by_itself() -> None:
    once = {"max_retries": 1}
    nodes = [
        simple("look", limits=once, fallback="plan_b"),
        simple(limits=once, fallback="plan_b"),
        simple("plan_b", prompt="{{ look.output.reply }}", limits=once, fallback="plan_c"),
        simple("plan_c", prompt="{{ look.output.reply }}"),
    ]
    log = talk(*nodes, edges=[edge("look", "answer"), edge("answer", "FINISH")])
    log.fail(node="look")
    log.produce({"reply": "found by plan b"}, node="plan_b")
    log.fail(node="answer")
    assert log.open_commands()[0][1].messages[0].content == "found by plan b"
    log.fail(node="plan_b~answer")

    assert kinds(log.produce({"reply": "said by plan c"}, node="plan_c~answer")) == ANSWERED


CHAIN = [edge("answer", "FINISH")]


def test_a_success_that_comes_after_the_stand_in_began_does_not_replace_its_answer() -> None:
    log = talk(
        simple(limits={"timeout_ms": 1_000, "max_retries": 1}, fallback="cheap"),
        simple("cheap"),
        edges=[edge("answer", "FINISH")],
    )
    late = log.open_commands()[0][0]
    assert kinds(log.wait()) == ["completion.request"]
    assert log.put(CompletionProduced(command_id=late, node="answer", output={"reply": "too late"})) == []

    made = log.produce({"reply": "from the stand-in"}, node="cheap")

    assert kinds(made) == ANSWERED
    assert isinstance(made[0], MessageSent)
    assert made[0].text == "from the stand-in"
