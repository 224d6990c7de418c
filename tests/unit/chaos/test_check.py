"""The judge of the kill test finds every kind of broken promise, and nothing in a history that keeps them."""

from dataclasses import replace

import pytest
from tests.chaos.check import Evidence, findings
from tests.chaos.client import Execution
from tests.chaos.history import Stored
from tests.chaos.simulate import FINISH, Expected

from contracts.completions import RequestCompletion
from contracts.conversations import MessageReceived, MessageSent, SendMessage
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.handovers import (
    ClaimHandover,
    HandoverClaimed,
    HandoverPacket,
    HandoverResolved,
    OpenHandover,
)

KEY = ("acme", "c1")
BASED_ON = BasedOn(now_ms=1, fence=0)
EXPECTED = Expected(frozenset({FINISH}), "the answer", {}, frozenset({"effect"}), frozenset({"effect"}))
SAID = MessageReceived(turn_id="t1", text="hello")
ASKED = RequestCompletion(execution_id="c1:t1", based_on=BASED_ON, node="n1")
SENT = MessageSent(execution_id="c1:t1", based_on=BASED_ON, message_id="m", turn_id="t1", text="the answer")
ENDED = ExecutionFinished(
    execution_id="c1:t1",
    based_on=BASED_ON,
    sink="FINISH",
    success=True,
    mode="conversation",
    turn_id="t1",
    workflow="w",
    version="1",
    started_ms=0,
    finished_ms=1,
)
OPENED = OpenHandover(
    execution_id="c1:t1", based_on=BASED_ON, handover_id="h", reason="policy", packet=HandoverPacket(reason="policy")
)
CLAIMED = HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="ann", agent_id="ann")
RESOLVED = HandoverResolved(handover_id="h", ownership_epoch=2, actor_id="ann")
GOOD: tuple[Message, ...] = (SAID, ASKED, SENT, ENDED)


def evidence(*messages: Message, ids: dict[int, str] | None = None, **fields: object) -> Evidence:
    """A log of these messages; message number i has the id `id<i>` unless `ids` says otherwise."""
    log = [
        Stored(KEY, LogEntry(number, number, (ids or {}).get(number, f"id{number}"), message, 10), "")
        for number, message in enumerate(messages, start=1)
    ]
    execution = Execution(KEY, "t1", "w")
    whole = Evidence(
        acknowledged=[(KEY, "id1")],
        executions=[execution],
        expected={execution: EXPECTED},
        logs={KEY: log},
        effects=[("key", "effect")],
        timers_due={KEY: 100_000},
        waiting={"orchestrator": 0},
        now_ms=50_000,
    )
    return replace(whole, **fields)  # type: ignore[arg-type]


def kinds(found: Evidence) -> list[str]:
    return [finding.kind for finding in findings(found)]


def test_a_history_that_keeps_every_promise_has_no_findings() -> None:
    assert findings(evidence(*GOOD)) == []


def test_an_acknowledged_input_that_is_not_in_the_log_is_lost() -> None:
    assert kinds(evidence(*GOOD, acknowledged=[(KEY, "id1"), (KEY, "gone")])) == ["lost"]


def test_an_input_that_nobody_decided_upon_is_lost() -> None:
    assert kinds(evidence(SAID)) == ["lost"]


def test_an_execution_that_was_begun_and_has_no_end_is_stuck() -> None:
    assert kinds(evidence(SAID, ASKED)) == ["stuck"]


def test_a_decision_stored_twice_is_a_duplicate() -> None:
    assert kinds(evidence(SAID, ASKED, ASKED, SENT, ENDED, ids={2: "same", 3: "same"})) == ["duplicated"]


def test_an_execution_that_ended_twice_is_a_duplicate() -> None:
    assert kinds(evidence(*GOOD, ENDED)) == ["duplicated"]


def test_a_turn_that_was_answered_twice_is_a_duplicate() -> None:
    assert kinds(evidence(*GOOD, SENT.model_copy(update={"message_id": "other"}))) == ["duplicated"]


def test_a_message_that_was_sent_twice_is_a_duplicate() -> None:
    assert set(kinds(evidence(*GOOD, SENT))) == {"duplicated"}


@pytest.mark.parametrize("effects", [[("key", "effect")] * 2, [("a", "effect"), ("b", "effect")]])
def test_an_effect_that_happened_twice_is_a_duplicate(effects: list[tuple[str, str]]) -> None:
    assert set(kinds(evidence(*GOOD, effects=effects))) == {"duplicated"}


def test_an_effect_that_is_missing_after_a_finish_is_lost() -> None:
    assert kinds(evidence(*GOOD, effects=[])) == ["lost"]


def test_an_effect_of_no_execution_is_wrong() -> None:
    assert kinds(evidence(*GOOD, effects=[("key", "effect"), ("k2", "of nobody")])) == ["wrong"]


def test_an_end_that_the_simulation_rules_out_is_wrong() -> None:
    ended = ENDED.model_copy(update={"sink": "HANDOVER", "reason": "timeout"})
    assert kinds(evidence(SAID, ASKED, ended)) == ["wrong"]


def test_another_answer_than_expected_is_wrong() -> None:
    assert kinds(evidence(SAID, ASKED, SENT.model_copy(update={"text": "nonsense"}), ENDED)) == ["wrong"]


def test_a_finish_without_its_answer_is_wrong() -> None:
    assert kinds(evidence(SAID, ASKED, ENDED)) == ["wrong"]


def test_an_overdue_timer_is_stuck_and_one_that_is_owed_later_is_not() -> None:
    assert kinds(evidence(*GOOD, timers_due={KEY: 40_000})) == ["stuck"]


def test_messages_that_a_consumer_has_not_settled_are_stuck() -> None:
    assert kinds(evidence(*GOOD, waiting={"llm-gateway": 2})) == ["stuck"]


def test_a_turn_that_people_took_needs_no_execution() -> None:
    ended = ENDED.model_copy(update={"turn_id": "t0"})
    assert findings(evidence(MessageReceived(turn_id="t0", text="x"), OPENED, ended, SAID, CLAIMED, RESOLVED)) == []
    assert findings(evidence(MessageReceived(turn_id="t0", text="x"), OPENED, ended, SAID)) == []


def test_a_turn_that_came_after_people_were_done_must_be_answered() -> None:
    assert kinds(evidence(OPENED, CLAIMED, RESOLVED, SAID, acknowledged=[])) == ["stuck"]


def test_a_turn_that_was_passed_over_by_a_later_one_is_not_left_to_people() -> None:
    later = ENDED.model_copy(update={"turn_id": "t2", "execution_id": "c1:t2"})
    passed_over = (SAID, MessageReceived(turn_id="t2", text="x"), later, OPENED, CLAIMED, RESOLVED)
    assert kinds(evidence(*passed_over)) == ["stuck"]


def test_a_claim_between_turn_and_end_allows_a_take_over() -> None:
    ended = ENDED.model_copy(update={"sink": "HANDOVER", "reason": "taken_over"})
    assert findings(evidence(SAID, ASKED, CLAIMED, ended)) == []
    assert kinds(evidence(SAID, ASKED, ended)) == ["wrong"]


def test_two_claims_of_one_epoch_are_a_duplicate() -> None:
    assert kinds(evidence(*GOOD, CLAIMED, CLAIMED)) == ["duplicated"]


def test_the_ai_must_not_speak_while_a_person_has_the_conversation() -> None:
    assert kinds(evidence(SAID, ASKED, CLAIMED, SENT, ENDED)) == ["wrong"]


def test_a_command_of_a_desktop_without_an_answer_is_stuck() -> None:
    assert kinds(evidence(*GOOD, ClaimHandover(command_id="k", actor_id="ann", ownership_epoch=0))) == ["stuck"]


def test_a_reply_of_a_person_that_was_never_handled_is_lost() -> None:
    reply = SendMessage(message_id="r", text="hi", author_id="ann", ownership_epoch=1)
    assert kinds(evidence(*GOOD, reply)) == ["lost"]
