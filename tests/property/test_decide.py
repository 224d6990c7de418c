"""Do all executions of all workflows end, once, whatever workers, people and the clock do?"""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.random_flows import RandomHistory, decisions, random_history, random_workflow
from tests.support.simulated_log import KEY, TENANT, SimulatedLog

from contracts.budgets import RaiseBudget
from contracts.completions import RequestCompletion
from contracts.conversations import MessageSent
from contracts.envelope import Decision, Message
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed, Split
from contracts.handovers import ApprovalDecided, OpenApproval, OpenHandover
from contracts.tool_calls import ExecuteToolCall
from orchestrator.domain.ask_for_money import QUESTIONS_MAX
from orchestrator.domain.decide import decide
from orchestrator.domain.fold import fold
from orchestrator.domain.limits import GRACE_MS
from orchestrator.domain.replay import replay
from orchestrator.domain.state import Conversation
from orchestrator.domain.workflow import HandoverRules, Limits, Workflow
from orchestrator.domain.workflow_limits import WorkflowLimits

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=60, deadline=None)


@FEW
@given(SEEDS)
def test_every_execution_reaches_exactly_one_sink_within_bounded_steps(seed: int) -> None:
    random = Random(seed)
    log = SimulatedLog(random_workflow(random))
    history = RandomHistory(random, log)
    log.say("hi", "first")
    history.settle()

    ends = [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)]
    assert [end.turn_id for end in ends] == ["first"]


@FEW
@given(SEEDS)
def test_a_standalone_execution_reaches_exactly_one_sink(seed: int) -> None:
    random = Random(seed)
    log = SimulatedLog(random_workflow(random))
    log.start(input={"go": True})
    RandomHistory(random, log).settle()

    assert sum(isinstance(e.message, ExecutionFinished) for e in log.entries) == 1
    assert log.settle() == []


@FEW
@given(SEEDS)
def test_nothing_is_decided_twice_and_every_turn_ends_at_most_once(seed: int) -> None:
    log = random_history(seed, steps=40)

    assert len(set(decisions(log))) == len(decisions(log))
    turns = [e.message.turn_id for e in log.entries if isinstance(e.message, ExecutionFinished)]
    assert len(set(turns)) == len(turns)


@FEW
@given(SEEDS)
def test_an_execution_that_nobody_answers_ends_by_its_timers_alone(seed: int) -> None:
    log = random_history(seed, steps=10, people=False)
    for _ in range(400):
        if log.state.execution is None:
            break
        log.waits_until = log.plan.wake_ms
        log.wait()

    assert log.state.execution is None


@FEW
@given(SEEDS)
def test_the_next_look_at_a_command_is_known_before_it_is_stored_and_before_it_is_due(seed: int) -> None:
    log = random_history(seed, steps=25)

    guards = [(p.decision.message, p.wake_ms) for p in log.plans if p.decision is not None]
    for message, wake_ms in guards:
        if isinstance(message, RequestCompletion | ExecuteToolCall):
            now_ms = message.based_on.now_ms
            assert wake_ms is not None
            assert now_ms < wake_ms <= now_ms + message.timeout_ms + GRACE_MS
        elif isinstance(message, OpenApproval):
            assert wake_ms is not None
            assert message.based_on.now_ms < wake_ms <= message.expires_ms + GRACE_MS


@FEW
@given(SEEDS)
def test_a_cap_is_raised_only_after_a_yes_once_each_and_three_times_an_execution(seed: int) -> None:
    log = random_history(seed, steps=40)

    yes = {e.message.approval_id for e in log.entries if isinstance(e.message, ApprovalDecided)}
    raised = [e.message for e in log.entries if isinstance(e.message, RaiseBudget)]
    approvals = [command.approval_id for command in raised]
    assert set(approvals) <= yes
    assert len(set(approvals)) == len(approvals)
    assert all(approvals_of <= QUESTIONS_MAX for approvals_of in Counter(r.execution_id for r in raised).values())


@FEW
@given(SEEDS)
def test_the_order_in_which_parallel_nodes_are_answered_does_not_matter(seed: int) -> None:
    drawn = random_workflow(Random(seed))
    nodes = {name: replace(node, join="all", limits=Limits()) for name, node in drawn.nodes.items()}
    flow = replace(drawn, nodes=nodes, limits=WorkflowLimits(), handover=HandoverRules())

    ends = set()
    for order in range(4):
        log = SimulatedLog(flow)
        log.say("hi")
        while log.state.execution is not None:
            _answer_one(log, Random(f"{seed}/{order}/{len(log.entries)}"))
        finished, sent = log.entries[-1].message, [e.message for e in log.entries if isinstance(e.message, MessageSent)]
        assert isinstance(finished, ExecutionFinished)
        ends.add((finished.sink, finished.reason, finished.success, *(message.text for message in sent)))
    assert len(ends) == 1


def _answer_one(log: SimulatedLog, random: Random) -> None:
    """Any open command, with an answer that depends on its node alone."""
    log.focus, command = random.choice(log.open_commands())
    output: dict[str, Any] = {"go": command.node in ("n0", "n2"), "text": command.node}
    output |= {"do": "run" if isinstance(command, RequestCompletion) and command.iteration == 1 else "use_result"}
    output |= {"code": "result = 1"}
    if isinstance(command, RequestCompletion):
        log.produce(output)
    elif isinstance(command, ExecuteToolCall):
        log.tool_result(output)
    else:
        log.verdict("respond", answer=output)
    log.focus = None


@FEW
@given(SEEDS)
def test_every_decision_is_made_again_from_what_it_says_it_was_based_on(seed: int) -> None:
    log = random_history(seed, steps=30)

    again = replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow})
    assert again.differences == ()
    assert again.decisions == len(decisions(log))


@FEW
@given(SEEDS)
def test_every_sentence_of_every_packet_cites_messages_or_calls_that_exist(seed: int) -> None:
    log = random_history(seed, steps=30)

    known = {entry.id for entry in log.entries}
    for packet in (e.message.packet for e in log.entries if isinstance(e.message, OpenHandover)):
        citable = known | {action.id for action in packet.actions}
        assert packet.summary
        assert all(sentence.cites and set(sentence.cites) <= citable for sentence in packet.summary)


@FEW
@given(SEEDS)
def test_a_history_cut_anywhere_is_decided_upon_without_an_error(seed: int) -> None:
    log = random_history(seed, steps=25)
    state = Conversation(TENANT, KEY)
    for entry in log.entries:
        state = fold(state, entry)
        decide(state, log.circumstances)


@FEW
@given(SEEDS)
def test_a_history_with_holes_is_decided_upon_without_an_error(seed: int) -> None:
    random, log = Random(seed), random_history(seed, steps=25)
    state = Conversation(TENANT, KEY)
    for entry in log.entries:
        if random.random() < 0.8:
            state = fold(state, entry)
            decide(state, log.circumstances)


@FEW
@given(SEEDS)
def test_experiments_that_come_and_go_pin_executions_and_are_decided_again_the_same(seed: int) -> None:
    random = Random(seed)
    log = SimulatedLog(random_workflow(random), arms=(random_workflow(random), random_workflow(random)))
    history = RandomHistory(random, log)
    for number in range(6):
        log.experiments = {"flow": _split(f"e{number // 2}", log.arms)} if random.random() < 0.7 else {}
        history.play(8)

    exposures = [e.message for e in log.entries if isinstance(e.message, ExperimentExposed)]
    chosen = {one.experiment: one.workflow_hash for one in exposures}
    assert len(chosen) == len(exposures), "exposed twice"
    pinned = {(e.message.execution_id, e.message.workflow_hash) for e in log.entries if _is_of_execution(e.message)}
    assert len({execution for execution, _ in pinned}) == len(pinned), "an execution changed its version"
    for end in (e.message for e in log.entries if isinstance(e.message, ExecutionFinished)):
        name = end.based_on.experiment
        assert end.workflow_hash == (log.flow.content_hash if name is None else chosen[name])
    assert replay(TENANT, KEY, log.entries, log.circumstances.workflows).differences == ()


def _split(name: str, versions: tuple[Workflow, ...]) -> Split:
    arms = [
        {"version": str(place), "content_hash": one.content_hash, "percent": 45} for place, one in enumerate(versions)
    ]
    return Split.model_validate({"name": name, "workflow": "flow", "arms": arms})


def _is_of_execution(message: Message | None) -> bool:
    return isinstance(message, Decision) and message.execution_id is not None
