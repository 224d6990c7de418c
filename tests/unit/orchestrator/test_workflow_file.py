"""Is a workflow file read as documented?"""

import re
from pathlib import Path

import pytest

from contracts.kpis import HandlingBaseline
from contracts.objectives import Bound, Metric
from orchestrator.adapters.workflow_file import load_workflow
from orchestrator.adapters.workflow_file.promises import CUSTOMER_REQUEST_PHRASES
from orchestrator.domain.cost_steps import AskHuman, CheaperProfile
from orchestrator.domain.stages import Stage
from orchestrator.domain.workflow import (
    Backoff,
    Condition,
    DefaultResponse,
    Fallback,
    HandOver,
    Limit,
    NodeKind,
    Retry,
    Sink,
    Workflow,
)

SPEC_EXAMPLE = Path(__file__).with_name("spec_example.yaml").read_bytes()
SINKS = """
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human}
"""


def load(source: str) -> Workflow:
    return load_workflow(source.encode(), file_name="w.yaml")


def workflow_of(node: str, more: str = "", others: str = "") -> Workflow:
    """A workflow with one node `a`, further top-level blocks and further nodes."""
    graph = f"workflow:\n  nodes:\n    - {{id: a, {node}}}\n{others}{SINKS}  edges: [{{from: a, to: FINISH}}]\n"
    return load(f"name: w\nversion: 1\n{more}\n{graph}")


def test_the_example_of_the_specification_loads_unchanged() -> None:
    workflow = load_workflow(SPEC_EXAMPLE, file_name="spec.yaml", known_profiles=frozenset({"fast"}))
    node = workflow.nodes["classify_intent"]
    assert (workflow.name, workflow.version) == ("customer_support_hil", "2.0.0")
    assert (node.kind, node.agent, node.profile) == (NodeKind.SIMPLE, "simple_intent_classifier", "fast")
    assert (node.limits.timeout_ms, node.limits.cost_max_microdollars, node.limits.attempts_max) == (2_000, 10_000, 3)
    assert node.limits.backoff == Backoff("exponential", 1_000)
    assert workflow.limits.cost_max_microdollars == 1_000_000
    assert workflow.nodes["FINISH"].reply == "classify_intent.output.reply"
    assert workflow.nodes["HANDOVER"].sink is Sink.HANDOVER
    assert workflow.edges[0].condition == Condition("jmespath", "output.confidence >= `0.7`")
    assert workflow.slos.objectives[3].bound == Bound(metric=Metric.HANDOVER_RATE, comparison="<=", threshold=0.10)
    assert workflow.slos.alerts[1].bound == Bound(metric=Metric.LATENCY_P95, comparison=">", threshold=20_000)
    assert workflow.stages[3] == Stage("auto", None, 100, error_rate_max=0.05)
    assert workflow.stages[1] == Stage("suggest", 7 * 86_400, 5, mode="suggest_only")


def test_the_version_is_the_text_that_was_written() -> None:
    assert (
        load(
            "name: w\nversion: 1.10\nworkflow: {nodes: [{id: a, type: rule, expression: turn}, "
            "{id: F, type: sink, action: finish_conversation}, {id: H, type: sink, action: handover_to_human}], "
            "edges: [{from: a, to: F}]}"
        ).version
        == "1.10"
    )


def test_the_content_hash_is_that_of_the_bytes() -> None:
    one, same = (load_workflow(SPEC_EXAMPLE, file_name=name).content_hash for name in ("a.yaml", "b.yaml"))
    other = load_workflow(SPEC_EXAMPLE + b"# a comment\n", file_name="a.yaml").content_hash
    assert one == same != other
    assert re.fullmatch("[0-9a-f]{64}", one)


def test_a_node_overrides_its_agent_and_the_agent_the_workflow() -> None:
    agents = "agents: {x: {kind: simple, prompt: hi, profile: fast, limits: {timeout_ms: 2, max_cost: 0.5}}}\n"
    limits = "limits: {timeout_ms: 1, max_retries: 5, max_iterations: 7, max_cost: 1}"
    node = workflow_of("agent: x, profile: powerful, limits: {timeout_ms: 3}", agents + limits).nodes["a"]
    assert (node.profile, node.prompt) == ("powerful", "hi")
    assert node.limits.timeout_ms == 3
    assert (node.limits.attempts_max, node.limits.iterations_max) == (5, 7)
    assert node.limits.cost_max_microdollars == 500_000


def test_the_workflow_s_cost_cap_is_not_its_nodes_cap() -> None:
    assert (
        workflow_of("type: simple, prompt: hi", "limits: {max_cost: 1}").nodes["a"].limits.cost_max_microdollars is None
    )


@pytest.mark.parametrize(
    ("written", "microdollars"),
    [("0.1", 100_000), ("0.000001", 1), ("0", 0), ("'0.15'", 150_000), ("2", 2_000_000), ("uncapped", None)],
)
def test_money_is_exact_to_the_micro_dollar(written: str, microdollars: int | None) -> None:
    limits = workflow_of("type: simple, prompt: hi", f"limits: {{max_cost: {written}}}").limits
    assert limits.cost_max_microdollars == microdollars
    assert limits.is_uncapped is (written == "uncapped")


def test_an_execution_without_a_cap_is_not_uncapped() -> None:
    limits = workflow_of("type: simple, prompt: hi").limits
    assert (limits.cost_max_microdollars, limits.is_uncapped) == (None, False)


def test_the_limits_of_execution_and_conversation_are_read() -> None:
    limits = workflow_of(
        "type: simple, prompt: hi",
        "limits: {deadline_ms: 5, context_tokens: 400, turns_per_minute: 6, turns_queued: 7, idle_close_ms: 8000, "
        "allow_repeated_reply: true, on_limit: {max_cost: {default_response: Sorry.}, deadline_ms: handover}}",
    )
    read = limits.limits
    assert (read.deadline_ms, read.context_tokens_max, read.turns_per_minute_max) == (5, 400, 6)
    assert (read.turns_queued_max, read.idle_close_ms, read.allow_repeated_reply) == (7, 8_000, True)
    assert (limits.cost_reaction, limits.deadline_reaction) == (DefaultResponse("Sorry."), HandOver())


@pytest.mark.parametrize(
    ("written", "backoff"),
    [
        ("fixed", Backoff("fixed")),
        ("exponential", Backoff("exponential")),
        ("{kind: fixed, base_ms: 5, cap_ms: 9, jitter: 0.2}", Backoff("fixed", 5, 9, 0.2)),
        ("{jitter: 1}", Backoff(jitter=1.0)),
    ],
)
def test_a_backoff_is_a_word_or_a_mapping(written: str, backoff: Backoff) -> None:
    node = workflow_of(f"type: simple, prompt: hi, limits: {{retry_backoff: {written}}}").nodes["a"]
    assert node.limits.backoff == backoff


def test_a_limit_without_a_reaction_hands_over_and_a_timeout_tries_again() -> None:
    node = workflow_of("type: simple, prompt: hi").nodes["a"]
    assert node.reactions == {}
    assert node.reaction_to(Limit.TIMEOUT) == Retry()
    assert node.reaction_to(Limit.COST) == HandOver()


def test_each_limit_has_the_reaction_that_is_declared() -> None:
    standin = "    - {id: b, type: rule, expression: turn}"
    on_limit = (
        "timeout_ms: retry, max_retries: {fallback: b}, max_cost: {default_response: No.}, max_iterations: handover"
    )
    workflow = workflow_of(f"type: reasoning, prompt: hi, on_limit: {{{on_limit}}}", others=standin)
    assert workflow.nodes["a"].reactions == {
        Limit.TIMEOUT: Retry(),
        Limit.RETRIES: Fallback("b"),
        Limit.COST: DefaultResponse("No."),
        Limit.ITERATIONS: HandOver(),
    }
    assert workflow.standins == {"b"}


def test_a_default_response_is_the_reaction_to_what_on_limit_leaves_open() -> None:
    node = workflow_of("type: simple, prompt: hi, default_response: Sorry., on_limit: {max_cost: handover}").nodes["a"]
    assert node.reaction_to(Limit.RETRIES) == node.reaction_to(Limit.ITERATIONS) == DefaultResponse("Sorry.")
    assert node.reaction_to(Limit.COST) == HandOver()


def test_a_timeout_uses_up_an_attempt_before_the_fallback_stands_in() -> None:
    node = workflow_of(
        "type: simple, prompt: hi, fallback: b", others="    - {id: b, type: rule, expression: turn}"
    ).nodes["a"]
    assert node.reaction_to(Limit.TIMEOUT) == Retry()
    assert node.reaction_to(Limit.RETRIES) == Fallback("b")


def test_fallback_comes_first_and_the_default_response_when_the_last_fallback_fails() -> None:
    others = """
    - {id: b, type: simple, prompt: hi, fallback: c}
    - {id: c, type: simple, prompt: hi, on_limit: {max_cost: handover}}"""
    nodes = workflow_of("type: simple, prompt: hi, fallback: b, default_response: Sorry.", others=others).nodes
    assert nodes["a"].reaction_to(Limit.RETRIES) == Fallback("b")
    assert nodes["b"].reaction_to(Limit.RETRIES) == Fallback("c")
    assert nodes["c"].reaction_to(Limit.RETRIES) == DefaultResponse("Sorry.")
    assert nodes["c"].reaction_to(Limit.COST) == HandOver()


def test_a_fallback_to_the_handover_sink_is_a_handover() -> None:
    assert workflow_of("type: simple, prompt: hi, fallback: HANDOVER").nodes["a"].reactions[Limit.RETRIES] == HandOver()


def test_a_default_response_beside_a_fallback_to_the_handover_sink_is_said_first() -> None:
    node = workflow_of(
        "type: simple, prompt: hi, fallback: HANDOVER, default_response: Sorry., on_limit: {max_cost: handover}"
    ).nodes["a"]
    assert node.reactions[Limit.RETRIES] == DefaultResponse("Sorry.")
    assert node.reactions[Limit.COST] == HandOver()


def test_every_kind_of_node_has_its_fields() -> None:
    workflow = load("""
name: kinds
version: 1.0.0
workflow:
  nodes:
    - {id: s, type: simple, prompt: hi, temperature: 0.5, confidence_min: 0.4}
    - {id: r, type: reasoning, prompt: hi, tools: [shop.*, mail.send]}
    - {id: c, type: code, prompt: hi}
    - {id: t, type: tool, tool: shop.get, arguments: {n: "{{ s.output.n }}"}}
    - {id: e, type: rule, expression: {type: expression, expression: "t['output']"}, join: first}
    - {id: h, type: human, ask: "May {{ turn.text }}?", form: {type: object}, skills: [x], priority: urgent}
    - {id: FINISH, type: sink, action: finish_conversation, reply: s.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human, reason: odd, skills: [y], priority: low}
  edges:
    - {from: s, to: r}
    - {from: s, to: c, condition: output.ok}
    - {from: r, to: t}
    - {from: c, to: t}
    - {from: t, to: e}
    - {from: e, to: h, condition: {type: expression, expression: "output['a'] > 1"}}
    - {from: h, to: FINISH}
""")
    nodes = workflow.nodes
    assert [node.kind for node in nodes.values()] == [*NodeKind, NodeKind.SINK]
    assert (nodes["s"].temperature, nodes["s"].confidence_min, nodes["s"].profile) == (0.5, 0.4, "balanced")
    assert nodes["r"].tools == ("shop.*", "mail.send")
    assert (nodes["t"].tool, nodes["t"].arguments) == ("shop.get", {"n": "{{ s.output.n }}"})
    assert (nodes["e"].expression, nodes["e"].join) == (Condition("expression", "t['output']"), "first")
    assert (nodes["h"].ask, nodes["h"].form, nodes["h"].skills) == ("May {{ turn.text }}?", {"type": "object"}, ("x",))
    assert (nodes["HANDOVER"].reason, nodes["HANDOVER"].priority) == ("odd", "low")
    assert workflow.edges[1].condition == Condition("jmespath", "output.ok")
    assert workflow.edges[5].condition == Condition("expression", "output['a'] > 1")
    assert [edge.source for edge in workflow.incoming("t")] == ["r", "c"]
    assert [edge.target for edge in workflow.edges if edge.source == "s"] == ["r", "c"]


def test_the_handover_rules_are_read() -> None:
    rules = workflow_of(
        "type: simple, prompt: hi",
        "hil: {confidence_threshold: 0.5, customer_request_phrases: [a person], consecutive_errors_max: 2, "
        "complexity: {turns_max: 9, tool_calls_max: 8}, policies: [{when: turn.vip, detail: vip}], "
        "transfer_tools: [shop.transfer], skills: [x], priority: high}",
    ).handover
    assert (rules.confidence_min, rules.customer_request_phrases, rules.consecutive_errors_max) == (
        0.5,
        ("a person",),
        2,
    )
    assert (rules.turns_max, rules.tool_calls_max, rules.transfer_tools) == (9, 8, ("shop.transfer",))
    assert (rules.skills, rules.priority) == (("x",), "high")
    assert (rules.policies[0].condition, rules.policies[0].detail) == (Condition("jmespath", "turn.vip"), "vip")


def test_customers_can_ask_for_a_human_unless_the_list_is_empty() -> None:
    assert workflow_of("type: simple, prompt: hi").handover.customer_request_phrases == CUSTOMER_REQUEST_PHRASES
    assert (
        workflow_of("type: simple, prompt: hi", "hil: {customer_request_phrases: []}").handover.customer_request_phrases
        == ()
    )


def test_objectives_of_one_s_own_are_read() -> None:
    slos = workflow_of(
        "type: simple, prompt: hi",
        "slos: {p50_latency_ms: 900, window: 12h, minimum_events: 5, "
        "objectives: [{name: happy, condition: 'csat >= 4.5'}]}",
    ).slos
    assert [objective.name for objective in slos.objectives] == ["p50_latency_ms", "happy"]
    assert slos.objectives[1].bound == Bound(metric=Metric.CSAT, comparison=">=", threshold=4.5)
    assert (slos.window_seconds, slos.minimum_events) == (43_200, 5)


def test_the_baseline_is_what_the_file_says_or_five_minutes_at_25_dollars() -> None:
    declared = workflow_of("type: simple, prompt: hi", "baseline: {handling_seconds: 90, usd_per_hour: 31.5}").baseline
    assert declared == HandlingBaseline(handling_ms=90_000, hour_microdollars=31_500_000)
    assert workflow_of("type: simple, prompt: hi").baseline == HandlingBaseline()
    free = workflow_of("type: simple, prompt: hi", "baseline: {handling_seconds: 0, usd_per_hour: 0}").baseline
    assert (free.handling_ms, free.hour_microdollars) == (0, 0)


def test_nodes_start_in_parallel_where_the_file_says_so() -> None:
    source = f"""
name: w
version: 1
workflow:
  start: [a, b]
  nodes:
    - {{id: a, type: rule, expression: turn}}
    - {{id: b, type: rule, expression: turn}}{SINKS}
  edges: [{{from: a, to: FINISH}}, {{from: b, to: FINISH}}]
"""
    assert not load(source).incoming("b")
    assert not load(source.replace("[a, b]", "[b, a]")).incoming("a")


def test_the_order_of_nodes_in_the_file_does_not_matter() -> None:
    edges = "  edges: [{from: b, to: a}, {from: a, to: FINISH}]"
    nodes = "    - {id: a, type: rule, expression: turn}\n    - {id: b, type: rule, expression: turn}"
    assert load(f"name: w\nversion: 1\nworkflow:\n  nodes:\n{nodes}{SINKS}{edges}").nodes


def test_money_may_be_asked_for_in_steps_before_the_last_reaction() -> None:
    asks = "{ask_human: {timeout_ms: 5000, skills: [money], priority: high}}"
    steps = f"[{{cheaper_profile: fast}}, {asks}, {{default_response: Sorry.}}]"
    node = workflow_of(f"type: simple, prompt: hi, on_limit: {{max_cost: {steps}}}").nodes["a"]
    assert node.cost_steps == (CheaperProfile("fast"), AskHuman(5_000, ("money",), "high"))
    assert node.reaction_to(Limit.COST) == DefaultResponse("Sorry.")


def test_a_single_step_needs_no_list_and_is_followed_by_a_handover() -> None:
    asking = workflow_of("type: simple, prompt: hi, fallback: HANDOVER, on_limit: {max_cost: ask_human}").nodes["a"]
    cheaper = workflow_of("type: simple, prompt: hi, on_limit: {max_cost: {cheaper_profile: fast}}").nodes["a"]
    assert asking.cost_steps == (AskHuman(86_400_000),)
    assert cheaper.cost_steps == (CheaperProfile("fast"),)
    assert asking.reactions[Limit.COST] == cheaper.reactions[Limit.COST] == HandOver()
