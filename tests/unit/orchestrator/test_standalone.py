"""How does an execution run that no conversation asked for?"""

from tests.support.flows import edge, finish, flow, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.completions import CompletionProduced
from contracts.executions import ExecutionFinished, ExecutionRefused, Reason, StartExecution, StopExecution
from contracts.handovers import OpenHandover
from orchestrator.domain.decide import Circumstances, decide, hashes_needed
from orchestrator.domain.workflow import Workflow


def started(of: Workflow, **fields: object) -> SimulatedLog:
    log = SimulatedLog(of, key="e1")
    log.start(**fields)
    return log


def end(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


def test_the_reply_of_the_sink_is_the_output_and_nobody_is_written_to() -> None:
    log = started(flow(simple(prompt="Judge {{ input.order }}.")), input={"order": "W7"})

    assert [m.content for m in log.open_commands()[0][1].messages] == ["Judge W7."]
    assert kinds(log.produce({"reply": "fine"})) == ["execution.finished"]
    assert (end(log).mode, end(log).sink, end(log).output, end(log).turn_id) == ("standalone", "FINISH", "fine", None)


def test_without_a_reply_the_output_is_that_of_the_node_before_the_sink() -> None:
    log = started(flow(simple(), finish(None)))
    log.produce({"reply": "fine"})

    assert end(log).output == {"reply": "fine"}


def test_without_a_reply_the_outputs_of_several_nodes_are_named() -> None:
    edges = [edge("a", "FINISH"), edge("b", "FINISH")]
    log = started(flow(simple("a"), simple("b"), finish(None), start=["a", "b"], edges=edges))
    log.produce({"reply": "1"}, node="a")
    log.produce({"reply": "2"}, node="b")

    assert end(log).output == {"a": {"reply": "1"}, "b": {"reply": "2"}}


def test_the_last_decision_of_a_standalone_execution_owes_no_timer() -> None:
    log = started(flow(simple()))
    command_id, _ = log.open_commands()[0]
    log.append(CompletionProduced(command_id=command_id, node="answer", output={"reply": "x"}))
    plan = decide(log.state, log.circumstances)
    assert (plan.is_last, plan.wake_ms) == (True, None)


def test_starting_twice_is_starting_once() -> None:
    log = started(flow(simple()))
    assert log.put(StartExecution(workflow="flow", input={"other": 1}), id="again") == []
    log.produce({"reply": "x"})

    assert log.put(StartExecution(workflow="flow"), id="afterwards") == []
    assert len([e for e in log.entries if isinstance(e.message, ExecutionFinished)]) == 1


def test_an_unknown_workflow_is_refused_once() -> None:
    log = SimulatedLog(flow(simple()), key="e1")

    assert kinds(log.put(StartExecution(workflow="nowhere"))) == ["execution.refused"]
    refused = log.entries[-1].message
    assert isinstance(refused, ExecutionRefused) and refused.reason == "unknown_workflow"
    assert log.settle() == []


def test_an_execution_that_began_is_not_refused_when_its_workflow_is_withdrawn() -> None:
    log = started(flow(simple()))

    assert decide(log.state, Circumstances(log.now_ms, log.circumstances.workflows, {})).decision is None


def test_a_standalone_execution_can_be_stopped_and_handed_over() -> None:
    log = started(flow(simple()), entity="customer-7")

    assert kinds(log.put(StopExecution())) == ["handover.open", "execution.finished"]
    opened = next(e.message for e in log.entries if isinstance(e.message, OpenHandover))
    assert (opened.turn_id, opened.packet.entity, opened.packet.ask) == (None, "customer-7", "")
    assert (end(log).reason, end(log).entity) == (Reason.STOPPED, "customer-7")


def test_a_stop_of_a_key_of_which_nothing_is_known_does_nothing() -> None:
    log = SimulatedLog(flow(simple()))

    assert log.put(StopExecution()) == []


def test_the_version_of_a_standalone_execution_is_needed_from_its_start() -> None:
    log = SimulatedLog(flow(simple()), key="e1")
    log.append(StartExecution(workflow="flow"))

    assert hashes_needed(log.state, {"flow": "in force", None: "default"}, {}) == {"in force"}
