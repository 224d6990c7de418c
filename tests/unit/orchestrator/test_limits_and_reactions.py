"""Is each limit enforced, and does each declared reaction follow?"""

from typing import Any

from tests.support.flows import edge, flow, reasoning, simple
from tests.support.simulated_log import START_MS, SimulatedLog, kinds

from contracts.completions import CompletionFailed, RequestCompletion
from contracts.executions import ExecutionFinished, Reason

HANDED_OVER = ["handover.open", "execution.finished"]
ANSWERED = ["message.sent", "execution.finished"]


def talk(*nodes: dict[str, Any], **blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(*nodes, **blocks))
    log.say("hi")
    return log


def finished(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


def test_max_retries_three_is_three_attempts_with_waits_of_one_and_two_seconds() -> None:
    log = talk(simple(limits={"max_retries": 3, "retry_backoff": "exponential"}))

    assert log.fail() == []
    assert log.plan.wake_ms == log.now_ms + 1_000
    assert kinds(log.wait()) == ["completion.request"]
    assert log.fail() == []
    assert log.plan.wake_ms == log.now_ms + 2_000
    assert kinds(log.wait()) == ["completion.request"]
    assert kinds(log.fail()) == HANDED_OVER
    assert finished(log).reason == Reason.MAX_RETRIES_EXCEEDED
    assert log.now_ms == START_MS + 3_000


def test_a_backoff_that_is_not_over_is_waited_for() -> None:
    log = talk(simple())
    log.fail()

    assert log.wait(999) == []
    assert kinds(log.wait(1)) == ["completion.request"]


def test_attempts_are_numbered_and_have_ids_of_their_own() -> None:
    log = talk(simple())
    log.fail()
    log.wait()

    requests = [(e.id, e.message.attempt) for e in log.entries if isinstance(e.message, RequestCompletion)]
    assert [attempt for _, attempt in requests] == [1, 2]
    assert len({id for id, _ in requests}) == 2


def test_a_failure_that_is_not_retryable_is_not_tried_again() -> None:
    log = talk(simple())

    assert kinds(log.fail("context_too_long", retryable=False)) == HANDED_OVER


def test_a_timeout_uses_up_an_attempt() -> None:
    log = talk(simple(limits={"timeout_ms": 2_000, "max_retries": 2}))

    log.wait()  # timeout_ms and the grace of the backstop
    assert log.now_ms == START_MS + 4_000
    assert kinds(log.wait()) == ["completion.request"]
    assert kinds(log.wait()) == HANDED_OVER
    assert finished(log).reason == Reason.MAX_RETRIES_EXCEEDED


def test_a_workers_own_timeout_counts_as_one() -> None:
    log = talk(simple(on_limit={"timeout_ms": "handover"}))

    log.fail("timeout")
    assert finished(log).reason == Reason.TIMEOUT


def test_an_answer_that_comes_after_its_timeout_still_counts() -> None:
    log = talk(simple(limits={"timeout_ms": 2_000}))
    log.wait()
    log.wait()  # the second attempt is on its way

    assert kinds(log.produce({"reply": "late"})) == ANSWERED


def test_a_late_failure_of_an_attempt_does_not_undo_its_success() -> None:
    log = talk(simple(), simple("check", prompt="Check."))
    first = log.open_commands()[0][0]
    log.produce({"reply": "good"})

    failed = {"command_id": first, "node": "answer", "error_class": "provider_error"}
    assert log.put(CompletionFailed.model_validate(failed)) == []
    assert kinds(log.produce({"reply": "checked"})) == ANSWERED


def test_the_cost_of_a_node_adds_up_over_attempts() -> None:
    log = talk(simple(limits={"max_cost": 0.02}))
    log.fail(cost_microdollars=10_000)
    assert kinds(log.wait()) == ["completion.request"]
    log.fail(cost_microdollars=10_000)

    assert kinds(log.wait()) == HANDED_OVER
    assert finished(log).reason == Reason.BUDGET_EXCEEDED
    assert finished(log).cost_microdollars == 20_000


def test_the_cost_of_a_node_adds_up_over_iterations() -> None:
    log = talk(reasoning(limits={"max_cost": 0.01}))
    log.call_tools(("shop.a", {}))

    assert kinds(log.tool_result("ok", cost_microdollars=10_000)) == HANDED_OVER
    assert finished(log).reason == Reason.BUDGET_EXCEEDED


def test_a_cap_of_zero_refuses_every_completion() -> None:
    log = talk(simple(limits={"max_cost": 0}))

    assert not [e for e in log.entries if isinstance(e.message, RequestCompletion)]
    assert finished(log).reason == Reason.BUDGET_EXCEEDED


def test_a_workflow_cap_of_zero_refuses_everything() -> None:
    log = talk(simple(), limits={"max_cost": 0})

    assert not [e for e in log.entries if isinstance(e.message, RequestCompletion)]
    assert finished(log).reason == Reason.BUDGET_EXCEEDED


def test_spending_more_than_the_workflows_cap_hands_over() -> None:
    log = talk(simple(), simple("check"), limits={"max_cost": 0.01})

    assert kinds(log.produce({"reply": "dear"}, cost_microdollars=10_001)) == HANDED_OVER
    assert finished(log).reason == Reason.BUDGET_EXCEEDED


def test_spending_just_the_workflows_cap_is_allowed() -> None:
    log = talk(simple(), limits={"max_cost": 0.01})

    assert kinds(log.produce({"reply": "dear"}, cost_microdollars=10_000)) == ANSWERED


def test_a_cap_that_the_gateway_enforced_is_the_nodes_budget() -> None:
    log = talk(simple(on_limit={"max_cost": {"default_response": "Later."}}))

    assert kinds(log.fail("budget_exceeded", retryable=False)) == ["message.sent", *HANDED_OVER]
    assert finished(log).reason == Reason.BUDGET_EXCEEDED


def test_caps_travel_with_every_command() -> None:
    log = talk(simple(limits={"max_cost": 0.01}), limits={"max_cost": 0.5})

    caps = [(cap.scope, cap.cap_microdollars) for cap in log.open_commands()[0][1].caps]
    assert caps == [("execution", 500_000), ("node", 10_000)]


def test_uncapped_is_said_explicitly_and_an_unset_cap_is_left_to_the_tenant() -> None:
    uncapped, unset = talk(simple(), limits={"max_cost": "uncapped"}), talk(simple())

    assert [cap.cap_microdollars for cap in uncapped.open_commands()[0][1].caps] == [None]
    assert unset.open_commands()[0][1].caps == ()


def test_the_deadline_ends_an_execution_whatever_is_on_its_way() -> None:
    log = talk(simple(), limits={"deadline_ms": 5_000})

    assert log.plan.wake_ms == START_MS + 5_000
    assert kinds(log.wait()) == HANDED_OVER


def test_the_deadline_of_a_turn_begins_when_its_time_comes() -> None:
    log = talk(simple(), limits={"deadline_ms": 5_000})
    log.say("two", "2")
    log.wait(4_000)
    log.produce({"reply": "one"})

    assert log.wait(4_999) == []
    assert kinds(log.wait(1)) == HANDED_OVER


def test_a_default_response_at_the_deadline_is_said_before_the_handover() -> None:
    on_limit = {"deadline_ms": {"default_response": "Sorry."}}
    log = talk(simple(), limits={"deadline_ms": 5_000, "on_limit": on_limit})

    assert kinds(log.wait()) == ["message.sent", *HANDED_OVER]
    assert (finished(log).reason, finished(log).default_response) == (Reason.DEADLINE_EXCEEDED, True)


def test_a_default_response_for_the_workflows_budget_is_said_before_the_handover() -> None:
    log = talk(simple(), limits={"max_cost": 0, "on_limit": {"max_cost": {"default_response": "Sorry."}}})

    assert (finished(log).reason, finished(log).default_response) == (Reason.BUDGET_EXCEEDED, True)


CHAIN = [edge("answer", "FINISH")]
