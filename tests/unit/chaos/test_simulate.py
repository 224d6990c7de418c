"""The simulation of the kill test says what docs/workflow-format.md says, and random workflows are valid ones."""

from typing import Any

import pytest
import yaml
from tests.chaos.directive import directive_text, number_of, read_directive
from tests.chaos.generate import generate
from tests.chaos.kills import Kill
from tests.chaos.recovery import percentile, recoveries_ms
from tests.chaos.simulate import FINISH, simulate

from orchestrator.adapters.workflow_file import load_workflow

PLACE = "acme/c1/t1"
SINKS = [
    {"id": "FINISH", "type": "sink", "action": "finish_conversation", "reply": "n1.output.note"},
    {"id": "HANDOVER", "type": "sink", "action": "handover_to_human"},
]
TO_FINISH = {"from": "n1", "to": "FINISH"}


def simple(node: str, behaviour: str, **fields: Any) -> dict[str, Any]:
    return {"id": node, "type": "simple", "prompt": directive_text(node, behaviour), **fields}


def document(*nodes: dict[str, Any], edges: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"workflow": {"nodes": [*nodes, *SINKS], "edges": edges or [TO_FINISH]}}


@pytest.mark.parametrize("number", range(60))
def test_a_random_workflow_loads_and_has_an_expected_end(number: int) -> None:
    source = generate(f"unit/{number}", "w")
    load_workflow(source, file_name="w.yaml")
    assert simulate(yaml.safe_load(source), PLACE).endings


def test_the_same_seed_gives_the_same_workflow() -> None:
    assert generate("7", "w") == generate("7", "w") != generate("8", "w")


def test_what_succeeds_in_the_end_finishes_with_its_note() -> None:
    expected = simulate(document(simple("n1", "error:2")), PLACE)
    assert expected.endings == {FINISH}
    assert expected.reply == f"n1 found {number_of(PLACE, 'n1')} for {PLACE}"


@pytest.mark.parametrize(
    ("behaviour", "fields", "reason"),
    [
        ("fail", {}, "max_retries_exceeded"),
        ("refuse", {}, "node_failed"),
        ("never", {}, "max_retries_exceeded"),
        ("never", {"on_limit": {"timeout_ms": "handover"}}, "timeout"),
        ("ok", {"confidence_min": 1.1}, "low_confidence"),
    ],
)
def test_what_fails_is_handed_over_with_its_reason(behaviour: str, fields: dict[str, Any], reason: str) -> None:
    assert simulate(document(simple("n1", behaviour, **fields)), PLACE).endings == {("HANDOVER", reason)}


def test_a_fallback_stands_in() -> None:
    expected = simulate(document(simple("n1", "fail", fallback="n2"), simple("n2", "ok")), PLACE)
    assert expected.endings == {FINISH}


def test_a_default_response_is_said_when_the_last_stand_in_has_failed() -> None:
    nodes = simple("n1", "fail", fallback="n2", default_response="sorry"), simple("n2", "fail")
    expected = simulate(document(*nodes), PLACE)
    assert expected.endings == {("HANDOVER", "max_retries_exceeded")}
    assert expected.texts == {"max_retries_exceeded": frozenset({"sorry"})}


def test_a_join_waits_for_all_and_a_failing_branch_ends_the_execution() -> None:
    edges = [{"from": "n1", "to": "n3"}, {"from": "n2", "to": "n3"}, {"from": "n3", "to": "FINISH"}]
    nodes = simple("n1", "ok"), simple("n2", "fail"), simple("n3", "ok")
    assert simulate(document(*nodes, edges=edges), PLACE).endings == {("HANDOVER", "max_retries_exceeded")}
    first = simulate(document(*nodes[:2], {**nodes[2], "join": "first"}, edges=edges), PLACE)
    assert first.endings == {FINISH, ("HANDOVER", "max_retries_exceeded")}


@pytest.mark.parametrize("language", ["jmespath", "expression"])
def test_only_the_edge_whose_condition_holds_is_taken(language: str) -> None:
    number = number_of(PLACE, "n1")
    texts = {"jmespath": "output.value == `{}`", "expression": "output['value'] == {}"}
    edges = [
        {"from": "n1", "to": "FINISH", "condition": {"type": language, "expression": texts[language].format(number)}},
        {"from": "n1", "to": "HANDOVER", "condition": {"type": language, "expression": texts[language].format(11)}},
    ]
    assert simulate(document(simple("n1", "ok"), edges=edges), PLACE).endings == {FINISH}
    assert simulate(document(simple("n1", "ok"), edges=edges[1:]), PLACE).endings == {("HANDOVER", "no_matching_edge")}


def test_effects_are_due_where_the_finish_needs_them_and_possible_elsewhere() -> None:
    tools = ({"id": name, "type": "tool", "tool": "keyed.append"} for name in ("n2", "n3"))
    edges = [
        {"from": "n2", "to": "n1"},
        {"from": "n3", "to": "n1"},
        TO_FINISH,
    ]
    expected = simulate(document(simple("n1", "ok"), *tools, edges=edges), PLACE)
    assert expected.effects_due == expected.effects_possible == {f"{PLACE}/n2", f"{PLACE}/n3"}


def test_an_unkeyed_tool_may_end_with_an_unknown_outcome() -> None:
    nodes = {"id": "n2", "type": "tool", "tool": "plain.append"}, simple("n1", "ok")
    endings = simulate(document(*nodes, edges=[{"from": "n2", "to": "n1"}, TO_FINISH]), PLACE).endings
    assert endings == {FINISH, ("HANDOVER", "tool_outcome_unknown")}


def test_a_loop_that_needs_more_than_its_iterations_is_handed_over() -> None:
    node = {**simple("n1", "tools:2", limits={"max_iterations": 2}), "type": "reasoning"}
    assert simulate(document(node), PLACE).endings == {("HANDOVER", "max_iterations_exceeded")}
    enough = {**simple("n1", "tools:2", limits={"max_iterations": 3}), "type": "reasoning"}
    assert simulate(document(enough), PLACE).endings == {FINISH}


def test_a_directive_is_read_from_a_filled_in_prompt() -> None:
    prompt = directive_text("n1", "error:2").replace("{{ conversation.tenant }}/{{ conversation.id }}", "acme/c1")
    found = read_directive(prompt.replace("{{ turn.id }}", "t1"))
    assert found is not None
    assert (found.place, found.node, found.behaviour, found.count) == (PLACE, "n1", "error", 2)


def test_recovery_is_the_time_from_a_kill_to_the_next_message_of_the_component() -> None:
    line = [(100, "orchestrator"), (150, "client"), (400, "orchestrator"), (700, "llm-gateway")]
    kills = [Kill("orchestrator", 120), Kill("nats-server", 120), Kill("llm-gateway", 900)]
    assert recoveries_ms(kills, line) == [30, 280]
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([], 0.95) is None
