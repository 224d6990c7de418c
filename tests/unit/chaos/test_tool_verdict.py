"""What counts as a right end of a task whose tools were killed, and what must not."""

from collections.abc import Sequence

import pytest
from tests.chaos.tool_verdict import Kind, ToolVerdict, verdict_of

from contracts.conversations import MessageSent
from contracts.envelope import BasedOn
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverPacket, OpenHandover, PacketAction
from hil.demo.expected_state import Json, ServerState
from hil.domain_file import Action, Task, load_domain, shipped_domain
from hil.turns import TurnOutcome

RETAIL = load_domain(shipped_domain("retail"))
DECIDED = BasedOn(now_ms=1, fence=0)
LOOK = Action(name="get_order_details", arguments={"order_id": "#1"})
CANCEL = Action(name="cancel_pending_order", arguments={"order_id": "#1", "reason": "no longer needed"})
RETURN = Action(name="return_delivered_order_items", arguments={"order_id": "#2"})
TASK = Task("7", "Hello.", (LOOK, CANCEL, RETURN), ("42",))
SAID = MessageSent(based_on=DECIDED, message_id="m", text="it is 42")
RIGHT, OTHER = {"orders": 1}, {"orders": 2}


def finished(sink: str = "FINISH", reason: str | None = None) -> ExecutionFinished:
    return ExecutionFinished.model_validate(
        {
            "based_on": DECIDED,
            "sink": sink,
            "reason": reason,
            "success": True,
            "mode": "conversation",
            "workflow": "retail",
            "version": "1.0.0",
            "started_ms": 1,
            "finished_ms": 2,
        }
    )


def handed_over(**fields: object) -> TurnOutcome:
    action = {
        "id": "t",
        "tool": "retail.return_delivered_order_items",
        "arguments": {"order_id": "#2"},
        "outcome": "unknown",
        "result": "it was cut",
        **fields,
    }
    packet = HandoverPacket(reason="tool_outcome_unknown", actions=(PacketAction.model_validate(action),))
    handover = OpenHandover(based_on=DECIDED, handover_id="h", reason="tool_outcome_unknown", packet=packet)
    return TurnOutcome(handover=handover, finished=finished("HANDOVER", "tool_outcome_unknown"))


def judged(outcome: TurnOutcome, made: Sequence[Action], database: Json = RIGHT) -> ToolVerdict:
    calls: list[Json] = [{"name": one.name, "arguments": dict(one.arguments)} for one in made]
    return verdict_of(
        RETAIL, TASK, outcome, expected=ServerState(RIGHT, ()), played=ServerState(database, tuple(calls))
    )


ALL = [LOOK, CANCEL, RETURN]
DONE = TurnOutcome(messages=(SAID,), finished=finished())


def test_a_task_may_look_again_and_must_write_once() -> None:
    assert judged(DONE, [LOOK, LOOK, CANCEL, LOOK, RETURN]).kind is Kind.AS_EXPECTED


@pytest.mark.parametrize("made", [[LOOK, CANCEL], ALL])
def test_a_cut_write_before_a_person_is_right_with_or_without_its_effect(made: list[Action]) -> None:
    assert judged(handed_over(), made, OTHER).kind is Kind.CUT


@pytest.mark.parametrize(
    ("outcome", "made", "database"),
    [
        (TurnOutcome(), ALL, RIGHT),
        (TurnOutcome(messages=(), finished=finished()), ALL, RIGHT),
        (TurnOutcome(messages=(SAID,), finished=finished("HANDOVER", "max_retries_exceeded")), ALL, RIGHT),
        (DONE, [LOOK, CANCEL], RIGHT),
        (DONE, [LOOK, RETURN, CANCEL], RIGHT),
        (DONE, ALL, OTHER),
        (handed_over(), [LOOK, RETURN], OTHER),
        (handed_over(outcome="failed"), [LOOK, CANCEL], OTHER),
        (handed_over(tool="retail.get_order_details"), [LOOK, CANCEL], OTHER),
        (handed_over(arguments={}), [LOOK, CANCEL], OTHER),
        (handed_over(result=None), [LOOK, CANCEL], OTHER),
    ],
)
def test_every_other_end_is_wrong(outcome: TurnOutcome, made: list[Action], database: Json) -> None:
    assert judged(outcome, made, database).kind is Kind.WRONG


@pytest.mark.parametrize("outcome", [DONE, handed_over()])
def test_an_effect_that_is_there_twice_is_wrong_however_the_task_ended(outcome: TurnOutcome) -> None:
    verdict = judged(outcome, [LOOK, CANCEL, CANCEL, RETURN])
    assert verdict.kind is Kind.WRONG
    assert len(verdict.twice) == 1 and "cancel_pending_order" in verdict.twice[0]
