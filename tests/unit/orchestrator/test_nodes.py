"""How do nodes of each kind, parallel branches and joins lead to a sink?"""

from itertools import permutations
from typing import Any

import pytest
from tests.support.flows import edge, finish, flow, simple
from tests.support.simulated_log import START_MS, SimulatedLog, kinds

from contracts.completions import CachePolicy
from contracts.conversations import MessageSent
from contracts.executions import ExecutionFinished, Reason
from contracts.handovers import ApprovalDecided, OpenApproval

ANSWERED = ["message.sent", "execution.finished"]
HANDED_OVER = ["handover.open", "execution.finished"]
HUMAN: dict[str, Any] = {
    "id": "ask",
    "type": "human",
    "ask": "May {{ turn.text }} happen?",
    "limits": {"timeout_ms": 60_000},
}


def talk(*nodes: dict[str, Any], **blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(*nodes, **blocks))
    log.say("hi")
    return log


def sent(log: SimulatedLog) -> list[str]:
    return [e.message.text for e in log.entries if isinstance(e.message, MessageSent)]


def end(log: SimulatedLog) -> ExecutionFinished:
    return [e.message for e in log.entries if isinstance(e.message, ExecutionFinished)][-1]


def test_a_simple_node_is_one_completion_of_its_profile_and_schema() -> None:
    log = talk(simple(profile="powerful", temperature=0.5))

    command = log.open_commands()[0][1]
    assert (command.profile, command.temperature, command.iteration) == ("powerful", 0.5, 1)
    assert command.output_schema["required"] == ["reply"]


KEPT: dict[str, Any] = {
    "tier": "semantic",
    "ttl_seconds": 600,
    "knowledge_version": "{{ search.output.version }}",
    "locale": "{{ conversation.metadata.locale }}",
}


@pytest.mark.parametrize(
    ("version", "locale", "policy"),
    [
        ("b56337", "de-CH", CachePolicy(tier="semantic", ttl_seconds=600, knowledge_version="b56337", locale="de-CH")),
        (None, "de-CH", None),
        ("b56337", "", None),
        ("v" * 129, "de-CH", None),
        ("b56337", "de\nCH", None),
    ],
)
def test_an_answer_is_kept_for_the_documents_that_were_searched_and_never_for_unknown_ones(
    version: str | None, locale: str, policy: CachePolicy | None
) -> None:
    search = {"id": "search", "type": "tool", "tool": "knowledge.search", "arguments": {"query": "{{ turn.text }}"}}
    log = SimulatedLog(flow(search, simple(cache=KEPT)))
    log.say("hi", metadata={"locale": locale})
    log.tool_result({"version": version, "passages": []})

    assert log.open_commands()[0][1].cache == policy


def test_what_is_declared_without_templates_is_kept_as_it_is_and_nothing_where_nothing_is_declared() -> None:
    assert talk(simple(cache={})).open_commands()[0][1].cache == CachePolicy()
    assert talk(simple(cache={"locale": "de"})).open_commands()[0][1].cache == CachePolicy(locale="de")
    assert talk(simple()).open_commands()[0][1].cache is None


def test_a_node_without_a_schema_gives_its_text() -> None:
    log = talk({"id": "answer", "type": "simple", "prompt": "Answer."})

    log.produce("just text")
    assert sent(log) == ["just text"]


def test_a_rule_needs_no_worker_and_its_value_is_its_output() -> None:
    rule = {"id": "rule", "type": "rule", "expression": "{reply: join(' ', ['you', 'said', turn.text])}"}
    log = SimulatedLog(flow(rule, finish("rule.output.reply"), edges=[edge("rule", "FINISH")]))

    assert kinds(log.say("hi")) == ANSWERED
    assert sent(log) == ["you said hi"]


def test_values_that_are_no_text_are_sent_as_json() -> None:
    rule = {"id": "rule", "type": "rule", "expression": "{total: `7`}"}
    log = SimulatedLog(flow(rule, finish("rule.output"), edges=[edge("rule", "FINISH")]))
    log.say("hi")

    assert sent(log) == ['{"total": 7}']


@pytest.mark.parametrize(
    ("verdict", "output"),
    [
        ({"verdict": "respond", "answer": {"ok": 1}}, '{"ok": 1}'),
        ({"verdict": "approve"}, "true"),
        ({"verdict": "reject", "reason": "no"}, "false"),
    ],
)
def test_a_persons_answer_is_the_output_of_the_question(verdict: dict[str, Any], output: str) -> None:
    log = talk(HUMAN, finish("to_string(ask.output)"), edges=[edge("ask", "FINISH")])

    question = log.open_commands()[0][1]
    assert (question.kind, question.ask, question.expires_ms) == ("question", "May hi happen?", START_MS + 60_000)
    assert kinds(log.verdict(**verdict)) == ANSWERED
    assert sent(log) == [output.replace(" ", "")]


def test_a_question_carries_its_form_skills_and_priority() -> None:
    form = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    log = talk({**HUMAN, "form": form, "skills": ["money"], "priority": "high"}, finish("ask.output"), edges=ASKED)

    question = log.open_commands()[0][1]
    assert (question.form, question.skills, question.priority) == (form, ("money",), "high")


@pytest.mark.parametrize(
    ("fields", "on_expiry"),
    [
        ({}, "handover"),
        ({"fallback": "plan_b"}, "fallback"),
        ({"default_response": "Sorry."}, "default_response"),
        ({"on_limit": {"timeout_ms": "retry"}, "fallback": "plan_b"}, "ask_again"),
        ({"on_limit": {"timeout_ms": {"default_response": "Sorry."}}}, "default_response"),
    ],
)
def test_a_question_says_what_happens_when_nobody_answers(fields: dict[str, Any], on_expiry: str) -> None:
    standin = [simple("plan_b")] if "fallback" in fields else []
    log = talk({**HUMAN, **fields}, *standin, finish("ask.output"), edges=ASKED)

    assert log.open_commands()[-1][1].on_expiry == on_expiry


def test_a_question_that_nobody_answers_hands_over() -> None:
    log = talk(HUMAN, finish("ask.output"), edges=ASKED)

    assert kinds(log.wait()) == HANDED_OVER
    assert end(log).reason == Reason.TIMEOUT


def test_a_question_that_nobody_answers_takes_the_declared_fallback() -> None:
    log = talk({**HUMAN, "fallback": "plan_b"}, simple("plan_b"), finish("ask.output.reply"), edges=ASKED)

    assert kinds(log.wait()) == ["completion.request"]
    asked = next(e.id for e in log.entries if isinstance(e.message, OpenApproval))
    assert log.put(ApprovalDecided(approval_id=asked, verdict="approve", actor_id="ana")) == []
    assert kinds(log.produce({"reply": "without a person"})) == ANSWERED


def test_a_question_is_asked_again_where_the_workflow_says_so() -> None:
    again = {**HUMAN, "limits": {"timeout_ms": 60_000, "max_retries": 2}, "on_limit": {"timeout_ms": "retry"}}
    log = talk(again, finish("ask.output"), edges=ASKED)

    assert kinds(log.wait()) == ["approval.open"]
    assert kinds(log.wait()) == HANDED_OVER
    assert len({e.id for e in log.entries if isinstance(e.message, OpenApproval)}) == 2


def test_a_sink_without_a_reply_finishes_in_silence() -> None:
    log = talk(simple(), finish(None))

    assert kinds(log.produce({"reply": "unsaid"})) == ["execution.finished"]
    assert end(log).success


def test_parallel_nodes_start_together() -> None:
    log = talk(*PARALLEL, start=["a", "b"], edges=JOIN)

    assert [command.node for _, command in log.open_commands()] == ["a", "b"]


def test_a_join_waits_for_all() -> None:
    log = talk(*PARALLEL, start=["a", "b"], edges=JOIN)

    assert log.produce({"reply": "1"}, node="a") == []
    assert kinds(log.produce({"reply": "2"}, node="b")) == ["completion.request"]


def test_a_join_of_the_first_goes_on_with_one() -> None:
    nodes = [simple("a"), simple("b"), simple(join="first", prompt="{{ a.output.reply }}{{ b.output.reply }}")]
    log = talk(*nodes, start=["a", "b"], edges=JOIN)

    made = log.produce({"reply": "2"}, node="b")
    assert kinds(made) == ["completion.request"]
    assert made[0].model_dump()["messages"][0]["content"] == "2"
    assert log.produce({"reply": "1"}, node="a") == []


def test_a_join_of_the_first_is_dead_when_no_branch_leads_there() -> None:
    nodes = [simple("a"), simple("b"), simple(join="first")]
    edges = [edge("a", "answer", "output.go"), edge("b", "answer", "output.go"), edge("answer", "FINISH")]
    log = talk(*nodes, start=["a", "b"], edges=edges)
    log.produce({"reply": "1"}, node="a")

    assert kinds(log.produce({"reply": "2"}, node="b")) == HANDED_OVER
    assert end(log).reason == Reason.NO_MATCHING_EDGE


def test_a_join_goes_on_without_a_dead_branch() -> None:
    edges = [edge("a", "answer", "output.go"), edge("b", "answer"), edge("answer", "FINISH")]
    log = talk(*PARALLEL, start=["a", "b"], edges=edges)
    log.produce({"reply": "1"}, node="a")

    assert kinds(log.produce({"reply": "2"}, node="b")) == ["completion.request"]


def test_what_lies_behind_a_dead_branch_is_dead_too() -> None:
    nodes = [simple("a"), simple("b"), simple()]
    edges = [edge("a", "b", "output.go"), edge("b", "answer"), edge("a", "FINISH"), edge("answer", "FINISH")]
    log = talk(*nodes, finish("a.output.reply"), edges=edges)

    assert kinds(log.produce({"reply": "done"}, node="a")) == ANSWERED


def test_all_orders_of_parallel_results_give_the_same_answer() -> None:
    nodes = [simple("a"), simple("b"), simple("c"), simple(prompt="{{ a.output.reply }}{{ b.output.reply }}")]
    edges = [*(edge(name, "answer") for name in "abc"), edge("answer", "FINISH")]
    flow_of_three = flow(*nodes, start=["a", "b", "c"], edges=edges)
    ends = set()
    for order in permutations("abc"):
        log = SimulatedLog(flow_of_three)
        log.say("hi")
        for name in order:
            log.produce({"reply": name}, node=name)
        prompt = log.open_commands()[-1][1].messages[0].content
        log.produce({"reply": "end"})
        ends.add((prompt, log.entries[-2].id, log.entries[-1].id, tuple(sent(log))))
    assert len(ends) == 1


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_sink_that_comes_first_in_the_file_wins_in_whatever_order_branches_finish(order: str) -> None:
    edges = [edge("a", "FINISH"), edge("b", "HANDOVER")]
    log = talk(simple("a"), simple("b"), finish("a.output.reply"), start=["a", "b"], edges=edges)
    for name in order[: order.index("a") + 1]:
        log.produce({"reply": name}, node=name)

    assert (end(log).sink, sent(log)) == ("FINISH", ["a"])


def test_a_later_turn_does_not_change_what_conditions_of_the_current_one_see() -> None:
    edges = [
        edge("answer", "FINISH", "conversation.turns == `1`"),
        edge("answer", "HANDOVER", "conversation.turns > `1`"),
    ]
    log = talk(simple(), edges=edges)
    log.say("more", "2")

    log.produce({"reply": "one"})
    assert end(log).sink == "FINISH"


def test_metrics_say_what_each_node_took() -> None:
    log = talk(simple(), agents={"clerk": {"kind": "simple", "prompt": "x"}})
    log.fail(cost_microdollars=5)
    log.wait()
    log.produce({"reply": "ok"}, cost_microdollars=7, replayed=True)

    done = end(log)
    assert [(n.node, n.outcome, n.attempts, n.completions, n.cost_microdollars) for n in done.nodes] == [
        ("answer", "done", 2, 2, 12)
    ]
    assert (done.replayed, done.nodes[0].duration_ms, done.nodes[0].error_class) == (True, 1_000, "provider_error")


ASKED = [edge("ask", "FINISH")]
PARALLEL = [simple("a"), simple("b"), simple()]
JOIN = [edge("a", "answer"), edge("b", "answer"), edge("answer", "FINISH")]
