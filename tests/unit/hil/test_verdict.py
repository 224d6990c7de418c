"""The check of a played task: what passes, and what must not."""

from typing import Any

import pytest

from contracts.conversations import MessageSent
from contracts.envelope import BasedOn
from contracts.executions import ExecutionFinished, NodeMetrics
from contracts.handovers import HandoverPacket, OpenHandover
from hil.demo.expected_state import ServerState
from hil.demo.report import summary
from hil.demo.verdict import calls_equal, communicated, judge
from hil.domain_file import Action, load_domain, shipped_domain
from hil.turns import TurnOutcome

DECIDED = BasedOn(now_ms=1, fence=0)
RETAIL = load_domain(shipped_domain("retail"))
LOOK = Action(name="look", arguments={"id": "#1"})
CANCEL = Action(name="cancel", arguments={"id": "#1", "reason": "ordered by mistake"}, compare_args=["id"])


def made(action: Action, **arguments: Any) -> dict[str, Any]:
    return {"name": action.name, "arguments": {**action.arguments, **arguments}}


def finished(sink: str) -> ExecutionFinished:
    nodes = (NodeMetrics(node="assistant", outcome="done", completions=3, tool_calls=2),)
    return ExecutionFinished.model_validate(
        {
            "based_on": DECIDED,
            "sink": sink,
            "success": True,
            "mode": "conversation",
            "workflow": "retail",
            "version": "1.0.0",
            "started_ms": 1_000,
            "finished_ms": 1_250,
            "cost_microdollars": 7_500,
            "nodes": nodes,
        }
    )


def said(text: str) -> MessageSent:
    return MessageSent(based_on=DECIDED, message_id="m", text=text)


HANDOVER = OpenHandover(based_on=DECIDED, handover_id="h", reason="agent_request", packet=HandoverPacket(reason="x"))


def test_the_expected_calls_in_order_are_equal() -> None:
    assert calls_equal([LOOK, CANCEL, LOOK], [made(LOOK), made(CANCEL), made(LOOK)])


@pytest.mark.parametrize(
    "calls",
    [
        [made(LOOK)],
        [made(CANCEL), made(LOOK)],
        [made(LOOK), made(CANCEL), made(CANCEL)],
        [made(LOOK, extra=1), made(CANCEL)],
        [made(LOOK, id="#2"), made(CANCEL)],
        [made(LOOK), made(CANCEL, id="#2")],
    ],
    ids=["missing", "swapped", "doubled", "one argument more", "other argument", "other compared argument"],
)
def test_other_calls_are_not_equal(calls: list[dict[str, Any]]) -> None:
    assert not calls_equal([LOOK, CANCEL], calls)


def test_arguments_that_the_task_does_not_compare_may_differ() -> None:
    assert calls_equal([CANCEL], [made(CANCEL, reason="no longer needed")])


def test_information_must_be_in_a_message_whatever_its_case() -> None:
    assert communicated(["$54.04", "Blue"], ["You get $54.04.", "It is BLUE."])
    assert not communicated(["$54.04"], ["You get $54."])
    assert communicated([], [])


def test_a_task_that_went_right_passes_with_its_figures() -> None:
    task = RETAIL.task("0")
    state = ServerState({"orders": 1}, tuple(made(action) for action in task.actions))
    outcome = TurnOutcome(messages=(said("done"),), finished=finished("FINISH"))
    verdict = judge(RETAIL, task, outcome, expected=state, played=state)
    assert verdict.passed
    assert summary([verdict]) == {
        "tasks": [
            {
                "id": "0",
                "expected_sink": "FINISH",
                "sink": "FINISH",
                "db_equal": True,
                "calls_equal": True,
                "communicated": True,
                "completions": 3,
                "tool_calls": 2,
                "cost_usd": 0.0075,
                "latency_ms": 250,
            }
        ],
        "passed": 1,
        "failed": 0,
    }


def test_a_database_that_differs_fails_although_the_calls_are_equal() -> None:
    task = RETAIL.task("0")
    calls = tuple(made(action) for action in task.actions)
    outcome = TurnOutcome(finished=finished("FINISH"))
    verdict = judge(RETAIL, task, outcome, expected=ServerState({"a": 1}, calls), played=ServerState({"a": 2}, calls))
    assert (verdict.calls_equal, verdict.db_equal, verdict.passed) == (True, False, False)


def test_a_transfer_must_end_in_a_handover_with_its_packet() -> None:
    task = next(task for task in RETAIL.tasks_of("train") if RETAIL.expects_transfer(task))
    state = ServerState({}, tuple(made(action) for action in task.actions))
    texts = tuple(said(info) for info in task.communicate_info)
    for outcome, passes in (
        (TurnOutcome(texts, HANDOVER, finished=finished("HANDOVER")), True),
        (TurnOutcome(texts, None, finished=finished("HANDOVER")), False),
        (TurnOutcome(texts, None, finished=finished("FINISH")), False),
        (TurnOutcome(texts), False),
    ):
        assert judge(RETAIL, task, outcome, expected=state, played=state).passed is passes
