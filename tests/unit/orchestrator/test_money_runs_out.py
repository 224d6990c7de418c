"""What happens when a cap refuses: a cheaper profile, a person who raises it, or neither?"""

from typing import Any

import pytest
from tests.support.flows import edge, finish, flow, reasoning, simple
from tests.support.simulated_log import KEY, START_MS, TENANT, SimulatedLog, kinds

from contracts.budgets import BudgetRaised, RaiseBudget
from contracts.completions import Cap, RequestCompletion
from contracts.conversations import MessageSent
from contracts.executions import ExecutionFinished, Reason
from contracts.handovers import ApprovalDecided, OpenApproval, OpenHandover
from contracts.tool_calls import ExecuteToolCall
from orchestrator.domain.ask_for_money import RAISE_TIMEOUT_MS
from orchestrator.domain.limits import GRACE_MS
from orchestrator.domain.over_cap import REFUSALS_MAX
from orchestrator.domain.replay import replay

HANDED_OVER = ["handover.open", "execution.finished"]
ANSWERED = ["message.sent", "execution.finished"]
DAY_MS = 86_400_000
CHEAPER = {"cheaper_profile": "fast"}


def talk(*nodes: dict[str, Any], **blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(*nodes, **blocks))
    log.say("hi")
    return log


def with_steps(*steps: Any, **fields: Any) -> SimulatedLog:
    """A simple node whose cap of 0.01 USD has these reactions."""
    return talk(simple(limits={"max_cost": 0.01}, on_limit={"max_cost": [*steps]}, **fields))


def asking(*steps: Any, **figures: Any) -> SimulatedLog:
    """A person is being asked about the node's cap."""
    log = with_steps(*(steps or ("ask_human",)))
    log.refuse(**figures)
    return log


def messages(log: SimulatedLog, kind: type[Any]) -> list[Any]:
    return [entry.message for entry in log.entries if isinstance(entry.message, kind)]


def last(log: SimulatedLog, kind: type[Any]) -> Any:
    return messages(log, kind)[-1]


def reason(log: SimulatedLog) -> str | None:
    return str(last(log, ExecutionFinished).reason)


def node_cap(log: SimulatedLog) -> int | None:
    """The node's cap in the newest request."""
    caps: tuple[Cap, ...] = last(log, RequestCompletion).caps
    return next(cap.cap_microdollars for cap in caps if cap.scope == "node")


def profiles(log: SimulatedLog) -> list[str]:
    return [request.profile for request in messages(log, RequestCompletion)]


def assert_replays(log: SimulatedLog) -> None:
    assert replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences == ()
    assert len({entry.id for entry in log.entries}) == len(log.entries)


def test_a_refused_completion_is_asked_of_the_cheaper_profile_at_once() -> None:
    log = with_steps(CHEAPER)

    assert kinds(log.refuse()) == ["completion.request"]
    assert profiles(log) == ["balanced", "fast"]
    assert kinds(log.produce({"reply": "cheap"})) == ANSWERED
    assert_replays(log)


def test_a_cheaper_profile_that_is_refused_too_hands_over() -> None:
    log = with_steps(CHEAPER)
    log.refuse()

    assert kinds(log.refuse()) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED
    assert last(log, OpenHandover).detail == "answer: node is spent"


def test_cheaper_profiles_are_gone_through_in_order() -> None:
    log = with_steps(CHEAPER, {"cheaper_profile": "tiny"})
    log.refuse()
    log.refuse()

    assert profiles(log) == ["balanced", "fast", "tiny"]


def test_a_cheaper_profile_needs_no_figures() -> None:
    log = with_steps("ask_human", CHEAPER)

    assert kinds(log.fail("budget_exceeded", retryable=False)) == ["completion.request"]
    assert profiles(log) == ["balanced", "fast"]


def test_nobody_is_asked_to_raise_a_cap_that_has_no_name() -> None:
    log = with_steps("ask_human")

    assert kinds(log.fail("budget_exceeded", retryable=False)) == HANDED_OVER


def test_what_a_cap_refused_is_no_attempt() -> None:
    log = with_steps(CHEAPER)
    log.refuse()

    log.fail()
    log.wait()
    log.fail()
    log.wait()
    assert profiles(log) == ["balanced", "fast", "fast", "fast"]
    assert kinds(log.fail()) == HANDED_OVER
    assert reason(log) == Reason.MAX_RETRIES_EXCEEDED


def test_later_iterations_stay_with_the_cheaper_profile() -> None:
    log = talk(reasoning(limits={"max_cost": 0.01}, on_limit={"max_cost": CHEAPER}))
    log.refuse()
    log.call_tools(("shop.a", {}))
    log.tool_result("ok")

    second = last(log, RequestCompletion)
    assert (second.iteration, second.profile) == (2, "fast")
    assert second.continues == messages_ids(log, RequestCompletion)[1]
    assert kinds(log.refuse()) == HANDED_OVER


def messages_ids(log: SimulatedLog, kind: type[Any]) -> list[str]:
    return [entry.id for entry in log.entries if isinstance(entry.message, kind)]


def test_a_refusal_in_a_later_iteration_asks_for_that_iteration_again() -> None:
    log = talk(reasoning(limits={"max_cost": 0.01}, on_limit={"max_cost": CHEAPER}))
    log.call_tools(("shop.a", {}))
    log.tool_result("ok")
    log.refuse()

    first, refused, again = messages(log, RequestCompletion)
    assert (again.iteration, again.profile, again.messages) == (2, "fast", refused.messages)
    assert again.continues == refused.continues == messages_ids(log, RequestCompletion)[0]
    assert first.continues is None


def test_a_person_is_asked_with_all_figures() -> None:
    log = with_steps("ask_human")

    assert kinds(log.refuse()) == ["approval.open"]
    asked = last(log, OpenApproval)
    assert (asked.kind, asked.node, asked.expires_ms) == ("question", "answer", START_MS + DAY_MS)
    budget = asked.budget
    assert (budget.scope, budget.scope_id, budget.window) == ("node", f"{TENANT}/{KEY}:1/answer", "total")
    assert (budget.cap_microdollars, budget.spent_microdollars, budget.requested_microdollars) == (10_000, 8_000, 3_000)
    assert (budget.least_microdollars, budget.proposed_microdollars, budget.most_microdollars) == (
        11_000,
        20_000,
        200_000,
    )
    assert "0.01 USD in all; 0.008 are spent, 0 held, and at least 0.003 more" in asked.ask
    assert "raised to 0.02 USD" in asked.ask
    assert log.plan.wake_ms == START_MS + DAY_MS


def test_what_is_proposed_covers_what_is_needed() -> None:
    log = asking(requested_microdollars=33_333)

    budget = last(log, OpenApproval).budget
    assert (budget.least_microdollars, budget.proposed_microdollars) == (41_333, 62_000)


def test_the_question_goes_to_whom_the_file_names() -> None:
    log = asking({"ask_human": {"timeout_ms": 5_000, "skills": ["money"], "priority": "urgent"}})

    asked = last(log, OpenApproval)
    assert (asked.skills, asked.priority, asked.expires_ms) == (("money",), "urgent", START_MS + 5_000)


def test_after_a_yes_the_cap_is_raised_and_the_same_step_goes_on() -> None:
    log = asking()

    assert kinds(log.verdict("approve")) == ["budget.raise"]
    command = last(log, RaiseBudget)
    assert (command.scope, command.scope_id) == ("node", f"{TENANT}/{KEY}:1/answer")
    assert (command.cap_microdollars, command.approval_id) == (20_000, last(log, OpenApproval).approval_id)
    assert kinds(log.raised()) == ["completion.request"]
    assert node_cap(log) == 20_000
    assert messages(log, RequestCompletion)[0].messages == last(log, RequestCompletion).messages
    assert kinds(log.produce({"reply": "dear"}, cost_microdollars=15_000)) == ANSWERED
    assert_replays(log)


def test_a_person_may_name_another_figure() -> None:
    log = asking()
    log.verdict("respond", answer={"cap_usd": 0.0123})

    assert last(log, RaiseBudget).cap_microdollars == 12_300


def test_the_cap_in_force_may_be_higher_than_was_asked() -> None:
    log = asking()
    log.verdict("approve")
    log.raised(90_000)

    assert node_cap(log) == 90_000


def test_a_cap_that_somebody_has_lifted_altogether_is_sent_as_uncapped() -> None:
    log = asking()
    log.verdict("approve")
    log.raised(None)

    assert node_cap(log) is None


@pytest.mark.parametrize("answer", [{"cap_usd": 0.0109}, {"cap_usd": 0.3}, {"cap_usd": True}, {"cap_usd": "1"}, {}, 1])
def test_a_figure_out_of_bounds_is_no_yes(answer: Any) -> None:
    log = asking()

    assert kinds(log.verdict("respond", answer=answer)) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED


def test_a_no_hands_over() -> None:
    log = asking()

    assert kinds(log.verdict("reject", reason="enough")) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED
    assert messages(log, RaiseBudget) == []
    assert_replays(log)


def test_a_question_that_nobody_answers_hands_over_and_a_late_yes_changes_nothing() -> None:
    log = asking()
    asked = log.open_commands()[0][0]

    assert log.wait(DAY_MS - 1) == []
    assert kinds(log.wait(1)) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED
    assert log.put(ApprovalDecided(approval_id=asked, verdict="approve", actor_id="ana")) == []
    assert messages(log, RaiseBudget) == []


def test_after_a_no_the_next_step_is_taken_and_nobody_is_asked_again() -> None:
    log = asking("ask_human", CHEAPER, {"default_response": "Later."})

    assert kinds(log.verdict("reject", reason="no")) == ["completion.request"]
    assert profiles(log) == ["balanced", "fast"]
    assert kinds(log.refuse()) == ["message.sent", *HANDED_OVER]
    assert last(log, MessageSent).text == "Later."
    assert len(messages(log, OpenApproval)) == 1


def test_a_cheaper_profile_that_is_refused_leads_to_the_question() -> None:
    log = with_steps(CHEAPER, "ask_human")
    log.refuse()

    assert kinds(log.refuse()) == ["approval.open"]
    log.verdict("approve")
    log.raised()
    assert profiles(log) == ["balanced", "fast", "fast"]


def test_a_gateway_that_never_raises_leads_to_a_handover() -> None:
    log = asking()
    log.verdict("approve")

    assert log.plan.wake_ms == START_MS + RAISE_TIMEOUT_MS + GRACE_MS
    assert kinds(log.wait()) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED


def test_a_raise_that_is_told_twice_counts_once() -> None:
    log = asking()
    log.verdict("approve")
    command_id = log.open_commands()[0][0]
    log.raised()

    body = last(log, BudgetRaised)
    assert log.put(body, id="again") == []
    assert log.put(body.model_copy(update={"cap_microdollars": 77_000}), id="and again") == []
    assert body.command_id == command_id
    log.fail()
    log.wait()
    assert node_cap(log) == 20_000


def test_a_raise_that_comes_before_its_verdict_is_folded_waits_for_it() -> None:
    log = asking()
    place = {"scope": "node", "scope_id": f"{TENANT}/{KEY}:1/answer", "cap_microdollars": 20_000}

    assert log.put(BudgetRaised.model_validate({"command_id": "not issued yet", **place})) == []
    assert kinds(log.verdict("approve")) == ["budget.raise"]


def test_a_cap_that_an_admin_raises_over_http_answers_no_question() -> None:
    log = asking()
    admin = BudgetRaised(scope="tenant", scope_id=f"{TENANT}/{TENANT}", cap_microdollars=1)

    assert log.put(admin) == []
    assert kinds(log.verdict("approve")) == ["budget.raise"]


def test_a_raised_cap_that_is_spent_too_is_asked_about_again_three_times_at_most() -> None:
    log = with_steps("ask_human")
    caps = [10_000, 20_000, 40_000]
    for cap in caps:
        assert kinds(log.refuse(cap_microdollars=cap, spent_microdollars=cap)) == ["approval.open"]
        log.verdict("approve")
        log.raised()

    assert [command.cap_microdollars for command in messages(log, RaiseBudget)] == [20_000, 40_000, 80_000]
    assert kinds(log.refuse(cap_microdollars=80_000)) == HANDED_OVER
    assert len(messages(log, OpenApproval)) == 3
    assert_replays(log)


def test_a_gateway_that_has_not_heard_of_the_raise_yet_is_asked_again_a_few_times() -> None:
    log = with_steps("ask_human")
    log.refuse("tenant")
    log.verdict("approve")
    log.raised()

    for _ in range(REFUSALS_MAX - 2):
        assert kinds(log.refuse("tenant")) == ["completion.request"]
    assert kinds(log.refuse("tenant")) == HANDED_OVER
    assert len(messages(log, OpenApproval)) == 1


def test_a_tenants_cap_is_raised_for_its_window() -> None:
    log = with_steps("ask_human")
    log.refuse("tenant", window="month", cap_microdollars=5_000_000, spent_microdollars=5_000_000)

    asked = last(log, OpenApproval)
    assert "tenant acme/acme may spend 5 USD each month" in asked.ask
    assert asked.ask.endswith("The new cap stays in force for everybody under it.")
    log.verdict("approve")
    command = last(log, RaiseBudget)
    assert (command.scope, command.scope_id, command.window) == ("tenant", f"{TENANT}/{TENANT}", "month")
    assert command.cap_microdollars == 10_000_000
    assert kinds(log.raised()) == ["completion.request"]


def test_a_node_whose_money_is_spent_asks_before_its_next_completion() -> None:
    log = with_steps(CHEAPER, "ask_human")
    log.fail(cost_microdollars=10_000)

    assert kinds(log.wait()) == ["approval.open"]
    assert last(log, OpenApproval).budget.requested_microdollars == 0
    log.verdict("approve")
    assert kinds(log.raised()) == ["completion.request"]
    assert (node_cap(log), profiles(log)) == (20_000, ["balanced", "balanced"])
    log.fail(cost_microdollars=10_000)
    assert kinds(log.wait()) == ["approval.open"]


def test_a_node_whose_money_is_spent_and_that_nobody_may_be_asked_about_hands_over() -> None:
    log = with_steps(CHEAPER)
    log.fail(cost_microdollars=10_000)

    assert kinds(log.wait()) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED


def test_a_node_that_somebody_has_uncapped_is_never_spent_again() -> None:
    log = with_steps("ask_human")
    log.fail(cost_microdollars=10_000)
    log.wait()
    log.verdict("approve")
    log.raised(None)
    log.fail(cost_microdollars=10_000_000)

    assert kinds(log.wait()) == ["completion.request"]


def test_a_cheaper_answer_that_fails_after_the_money_is_spent_asks_a_person() -> None:
    log = with_steps(CHEAPER, "ask_human")
    log.fail(cost_microdollars=10_000)
    log.wait()
    log.verdict("approve")
    log.raised()

    log.refuse(cap_microdollars=20_000, spent_microdollars=10_000)
    assert profiles(log)[-1] == "fast"


def test_an_execution_that_overspends_waits_as_a_whole_for_a_person() -> None:
    limits = {"max_cost": 0.01, "on_limit": {"max_cost": [CHEAPER, "ask_human"]}}
    log = talk(simple(), simple("check", prompt="Check."), limits=limits)

    assert kinds(log.produce({"reply": "dear"}, cost_microdollars=10_001)) == ["approval.open"]
    asked = last(log, OpenApproval)
    assert (asked.node, asked.budget.scope, asked.budget.scope_id) == ("", "execution", f"{TENANT}/{KEY}:1")
    assert kinds(log.verdict("approve")) == ["budget.raise"]
    assert kinds(log.raised()) == ["completion.request"]
    assert last(log, RequestCompletion).caps == (Cap(scope="execution", id=f"{KEY}:1", cap_microdollars=20_000),)
    assert kinds(log.produce({"reply": "ok"}, cost_microdollars=9_000)) == ANSWERED
    assert_replays(log)


def test_an_execution_that_overspends_and_is_not_given_more_says_its_default_response() -> None:
    limits = {"max_cost": 0.01, "on_limit": {"max_cost": ["ask_human", {"default_response": "Later."}]}}
    log = talk(simple(), simple("check", prompt="Check."), limits=limits)
    log.produce({"reply": "dear"}, cost_microdollars=10_001)

    assert kinds(log.verdict("reject", reason="no")) == ["message.sent", *HANDED_OVER]


def test_an_execution_that_somebody_has_uncapped_goes_on() -> None:
    limits = {"max_cost": 0, "on_limit": {"max_cost": "ask_human"}}
    log = talk(simple(), limits=limits)
    assert last(log, OpenApproval).budget.least_microdollars == 1
    log.verdict("approve")

    assert kinds(log.raised(None)) == ["completion.request"]
    assert last(log, RequestCompletion).caps == (Cap(scope="execution", id=f"{KEY}:1", cap_microdollars=None),)


def test_a_default_cap_of_an_execution_is_sent_once_it_is_raised() -> None:
    log = talk(simple(on_limit={"max_cost": "ask_human"}))
    assert last(log, RequestCompletion).caps == ()
    log.refuse("execution")
    log.verdict("approve")
    log.raised()

    assert last(log, RequestCompletion).caps == (Cap(scope="execution", id=f"{KEY}:1", cap_microdollars=20_000),)


def test_a_node_without_a_reaction_of_its_own_has_the_workflows() -> None:
    limits = {"max_cost": 0.01, "on_limit": {"max_cost": [CHEAPER, "ask_human", {"default_response": "Later."}]}}
    log = talk(simple(), limits=limits)

    assert kinds(log.refuse("execution")) == ["completion.request"]
    assert kinds(log.refuse("execution")) == ["approval.open"]
    assert kinds(log.verdict("reject", reason="no")) == ["message.sent", *HANDED_OVER]


def test_a_node_with_a_reaction_of_its_own_has_only_that() -> None:
    limits = {"on_limit": {"max_cost": "ask_human"}}
    log = talk(simple(on_limit={"max_cost": "handover"}), limits=limits)

    assert kinds(log.refuse("tenant")) == HANDED_OVER


def test_the_workflows_step_to_a_nodes_own_profile_is_passed_over() -> None:
    log = talk(simple(profile="fast"), limits={"on_limit": {"max_cost": CHEAPER}})

    assert kinds(log.refuse("tenant")) == HANDED_OVER


def test_parallel_nodes_under_one_cap_ask_once_and_both_go_on() -> None:
    nodes = [simple("a"), simple("b"), {"id": "j", "type": "rule", "expression": "`1`"}, finish("a.output.reply")]
    edges = [edge("a", "j"), edge("b", "j"), edge("j", "FINISH")]
    limits = {"max_cost": 0.01, "on_limit": {"max_cost": "ask_human"}}
    log = SimulatedLog(flow(*nodes, start=["a", "b"], edges=edges, limits=limits))
    log.say("hi")

    assert kinds(log.refuse("execution", node="a")) == ["approval.open"]
    assert log.refuse("execution", node="b") == []
    assert kinds(log.verdict("approve")) == ["budget.raise"]
    assert kinds(log.raised()) == ["completion.request", "completion.request"]
    assert len(messages(log, OpenApproval)) == len(messages(log, RaiseBudget)) == 1
    assert_replays(log)


def test_a_node_beside_one_that_waits_for_money_goes_on() -> None:
    nodes = [simple("a", on_limit={"max_cost": "ask_human"}), simple("b"), simple("c"), finish("a.output.reply")]
    edges = [edge("a", "FINISH"), edge("b", "c"), edge("c", "FINISH")]
    log = SimulatedLog(flow(*nodes, start=["a", "b"], edges=edges))
    log.say("hi")
    log.refuse("tenant", node="a")

    assert kinds(log.produce({"reply": "b"}, node="b")) == ["completion.request"]
    assert last(log, RequestCompletion).node == "c"


def test_the_deadline_stands_still_while_a_person_is_asked_for_money() -> None:
    log = asking()
    log.wait(DAY_MS - 1)
    log.verdict("approve")

    assert kinds(log.raised()) == ["completion.request"]
    assert kinds(log.produce({"reply": "late"})) == ANSWERED


def test_a_fallback_stands_in_when_nobody_gives_more_money() -> None:
    node = simple(on_limit={"max_cost": ["ask_human", {"fallback": "plan_b"}]})
    log = talk(node, simple("plan_b"), edges=[edge("answer", "FINISH")])
    log.refuse("tenant")

    assert kinds(log.verdict("reject", reason="no")) == ["completion.request"]
    assert last(log, RequestCompletion).node == "plan_b"


def test_a_summary_that_a_cap_refuses_is_done_without_and_nobody_is_asked() -> None:
    limits = {"context_tokens": 100, "on_limit": {"max_cost": "ask_human"}}
    log = talk(simple(), limits=limits)
    log.produce({"reply": "y" * 900})
    log.say("more", "2")
    assert last(log, RequestCompletion).purpose == "summary"

    assert kinds(log.refuse("tenant")) == ["completion.request"]
    assert last(log, RequestCompletion).purpose == "node"


def test_a_tool_call_that_is_refused_for_money_is_told_to_the_model() -> None:
    log = talk(reasoning(on_limit={"max_cost": "ask_human"}))
    log.call_tools(("shop.a", {}))

    assert kinds(log.tool_fails("budget_exceeded")) == ["completion.request"]
    assert "budget_exceeded" in last(log, RequestCompletion).messages[0].content


def paying(*steps: Any, **fields: Any) -> SimulatedLog:
    """A tool node whose call is about to be made."""
    node = {"id": "pay", "type": "tool", "tool": "shop.pay", **fields}
    declared = {"on_limit": {"max_cost": [*steps]}} if steps else {}
    return talk({**node, **declared}, finish("pay.output.text"), edges=[edge("pay", "FINISH")])


def executions(log: SimulatedLog) -> list[tuple[int, str | None]]:
    """Attempt and approval of each tool call asked for."""
    return [(call.attempt, call.approval_id) for call in messages(log, ExecuteToolCall)]


def test_after_a_yes_a_tool_call_that_a_cap_refused_is_made() -> None:
    log = paying("ask_human")

    assert kinds(log.tool_refused()) == ["approval.open"]
    assert last(log, OpenApproval).node == "pay"
    assert kinds(log.verdict("approve")) == ["budget.raise"]
    assert kinds(log.raised()) == ["tool_call.execute"]
    assert last(log, ExecuteToolCall).caps == (Cap(scope="execution", id=f"{KEY}:1", cap_microdollars=20_000),)
    assert len({call.idempotency_key for call in messages(log, ExecuteToolCall)}) == 1
    assert kinds(log.tool_result({"text": "paid"})) == ANSWERED
    assert_replays(log)


@pytest.mark.parametrize("steps", [["ask_human"], []], ids=["a no", "nobody is asked"])
def test_a_tool_call_for_which_nobody_gives_money_ends_as_declared(steps: list[Any]) -> None:
    log = paying(*steps)
    decided = log.tool_refused()
    if steps:
        decided = log.verdict("reject")

    assert kinds(decided) == HANDED_OVER
    assert reason(log) == Reason.BUDGET_EXCEEDED
    assert_replays(log)


def test_a_runner_that_has_not_heard_of_the_raise_yet_is_asked_again_a_few_times() -> None:
    log = paying("ask_human")
    log.tool_refused()
    log.verdict("approve")
    log.raised()

    for _ in range(REFUSALS_MAX - 2):
        assert kinds(log.tool_refused()) == ["tool_call.execute"]
    assert kinds(log.tool_refused()) == HANDED_OVER
    assert len(executions(log)) == REFUSALS_MAX


def test_calls_of_one_turn_that_a_cap_refuses_ask_once_and_all_go_on() -> None:
    log = talk(reasoning(on_limit={"max_cost": "ask_human"}))
    log.call_tools(("shop.a", {}), ("shop.b", {}))

    assert kinds(log.tool_refused()) == ["approval.open"]
    assert kinds(log.tool_refused()) == []
    log.verdict("approve")
    assert sorted(kinds(log.raised())) == ["tool_call.execute", "tool_call.execute"]
    assert kinds(log.tool_result(1)) == []
    assert kinds(log.tool_result(2)) == ["completion.request"]
    assert_replays(log)


def test_a_refused_call_that_was_approved_keeps_its_approval() -> None:
    log = paying("ask_human")
    log.tool_held()
    log.verdict("approve")
    log.tool_refused()
    log.verdict("approve")
    log.raised()

    assert [attempt for attempt, _ in executions(log)] == [1, 2, 3]
    assert executions(log)[1][1] == executions(log)[2][1] is not None


def test_a_person_who_takes_over_ends_the_wait_for_a_raise_without_another_completion() -> None:
    log = asking()
    log.claim()
    assert kinds(log.verdict("approve")) == ["execution.finished"]
    assert reason(log) == Reason.TAKEN_OVER


def test_figures_count_completions_only() -> None:
    log = asking()
    log.verdict("approve")
    log.raised()
    log.produce({"reply": "ok"})

    [node] = last(log, ExecutionFinished).nodes
    assert (node.completions, node.tool_calls, node.outcome) == (2, 0, "done")


def test_the_packet_of_a_handover_lists_no_raise_as_an_action() -> None:
    log = asking()
    log.verdict("approve")
    log.wait()

    assert last(log, OpenHandover).packet.actions == ()


def test_an_edit_is_no_answer_to_a_question_about_money() -> None:
    log = asking()

    assert kinds(log.verdict("edit", arguments={"cap_usd": 1})) == HANDED_OVER


def test_messages_of_another_execution_raise_nothing_here() -> None:
    log = asking()
    log.verdict("approve")
    log.raised()
    log.produce({"reply": "one"})
    log.say("again", "2")

    assert node_cap(log) == 10_000
