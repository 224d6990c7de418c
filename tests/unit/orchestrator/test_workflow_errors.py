"""Is every mistake in a workflow file reported, all at once, with its line and a hint?"""

# ruff: noqa: E501  (a table reads best with one mistake a line)
import pytest

from orchestrator.adapters.workflow_file import WorkflowError, WorkflowErrors, load_workflow

# Line numbers in the tests below are those of this file.
GOOD = """\
name: good
version: 1.0.0
slos: {success_rate: 0.9, alerts: [{condition: "success_rate < 0.90", severity: warning}]}
limits: {max_cost: 1.00, timeout_ms: 1000}
agents:
  classifier:
    kind: simple
    profile: fast
    prompt: "Classify {{ turn.text }}"
    output_schema: {type: object}
  helper:
    kind: reasoning
    prompt: Help.
    tools: [shop.*]
workflow:
  nodes:
    - {id: classify, agent: classifier}
    - {id: help, agent: helper, fallback: spare}
    - {id: spare, type: simple, prompt: Help.}
    - {id: fetch, type: tool, tool: shop.get, arguments: {id: "{{ classify.output.id }}"}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: help.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: classify, to: help, condition: "output.intent == 'help'"}
    - {from: help, to: fetch}
    - {from: fetch, to: FINISH}
hil:
  policies: [{when: turn.vip, detail: vip}]
  transfer_tools: [shop.transfer]
deployment:
  stages:
    - {name: shadow, duration: 7d, rollout: 0%}
    - {name: auto, duration: ongoing, rollout: 100%}
"""
TOOLS = frozenset({"shop.get", "shop.transfer"})
PROFILES = frozenset({"fast", "balanced", "powerful"})


def errors_of(source: bytes | str) -> tuple[WorkflowError, ...]:
    raw = source.encode() if isinstance(source, str) else source
    with pytest.raises(WorkflowErrors) as raised:
        load_workflow(raw, file_name="w.yaml", known_tools=TOOLS, known_profiles=PROFILES)
    return raised.value.errors


def test_the_file_that_these_tests_spoil_is_good() -> None:
    assert load_workflow(GOOD.encode(), file_name="w.yaml", known_tools=TOOLS, known_profiles=PROFILES).nodes


CASES = {
    "unknown top-level field": ("agents:", "agnets:", 5, "unknown field `agnets`", "did you mean `agents`?"),
    "unknown field in a node": ("fallback: spare", "falback: spare", 18, "unknown field `falback`", "did you mean `fallback`?"),
    "unknown limit": ("timeout_ms: 1000", "timeout: 1000", 4, "unknown field `timeout`", "did you mean `timeout_ms`?"),
    "missing name": ("name: good\n", "\n", 2, "`name` is missing", "letters, digits"),
    "missing id": ("{id: spare, type", "{type", 19, "`id` is missing", "the name of the node"),
    "wrong type": ("timeout_ms: 1000", "timeout_ms: soon", 4, "`timeout_ms` is a whole number, not `soon`", "milliseconds"),
    "empty value": ("prompt: Help.\n", "prompt:\n", 13, "`prompt` is a text, not empty", "the instruction"),
    "list for a text": ("profile: fast", "profile: [fast]", 8, "`profile` is a text, not a list", "model profile"),
    "mapping for a list": ("[shop.*]", "{a: 1}", 14, "`tools` is a list, not a mapping", ""),
    "text for a truth value": ("duration: 7d", "collect_metrics: 1, duration: 7d", 32, "true or false, not 1", "figures"),
    "truth value for a number": ("max_cost: 1.00", "max_cost: true", 4, "a number or a text, not true", "USD"),
    "bad name": ("name: good", "name: not good", 1, "`name` cannot be `not good`", "letters, digits"),
    "bad node id": ("{id: spare,", "{id: 1-spare,", 19, "`id` cannot be `1-spare`", "no digit first"),
    "unknown word": ("kind: reasoning", "kind: reasning", 12, "`kind` cannot be `reasning`", "did you mean `reasoning`?"),
    "unknown far-off word": ("severity: warning", "severity: xx", 3, "one of info, warning, critical", "how bad"),
    "limit below its range": ("timeout_ms: 1000", "max_retries: 0", 4, "`max_retries` of 0 is below the least, 1", "attempts in all"),
    "limit above its range": ("timeout_ms: 1000", "max_iterations: 999", 4, "above the most, 200", "reasoning loop"),
    "negative money": ("max_cost: 1.00", "max_cost: -1", 4, "`max_cost` of -1 is below the least, 0", "uncapped"),
    "money in words": ("max_cost: 1.00", "max_cost: free", 4, "`max_cost` cannot be `free`", "USD"),
    "money too fine": ("max_cost: 1.00", "max_cost: 0.0000001", 4, "finer than a micro-dollar", "six decimals"),
    "cap below base": ("timeout_ms: 1000", "retry_backoff: {base_ms: 9, cap_ms: 1}", 4, "`base_ms` of 9", "cap_ms"),
    "pointless retry": ("max_cost: 1.00", "on_limit: {max_cost: retry}", 4, "`retry` cannot help", "handover"),
    "unknown reaction": ("max_cost: 1.00", "on_limit: {max_cost: give_up}", 4, "cannot be `give_up`", "handover"),
    "two reactions": ("fallback: spare", "on_limit: {max_cost: {fallback: spare, default_response: x}}", 18, "1 property", "ask_human,"),
    "two reactions to retries": ("fallback: spare", "on_limit: {max_retries: {fallback: spare, default_response: x}}", 18, "1 property", "retry,"),
    "no kind": ("type: simple, ", "", 19, "neither an `agent` nor a `type`", "simple, reasoning"),
    "kind of agent and node differ": ("agent: helper", "agent: helper, type: simple", 18, "its agent is `reasoning`", "leave"),
    "unknown agent": ("agent: helper", "agent: helpr", 18, "unknown agent `helpr`", "did you mean `helper`?"),
    "field without effect": ("tool: shop.get,", "tool: shop.get, prompt: x,", 20, "`prompt` has no effect on a tool node", "arguments"),
    "agent field without effect": ("    output_schema: {type: object}", "    tools: [shop.get]", 10, "no effect on a simple agent", ""),
    "needed field": (", tool: shop.get", "", 20, "a tool node needs `tool`", ""),
    "duplicate node id": ("{id: spare,", "{id: help,", 19, "the node `help` is there twice", "first on line 18"),
    "reserved node id": ("{id: spare,", "{id: turn,", 19, "`turn` cannot name a node", "something else"),
    "unknown edge end": ("to: fetch}", "to: fetsh}", 25, "unknown node `fetsh`", "did you mean `fetch`?"),
    "unknown edge start": ("{from: fetch,", "{from: nobody,", 26, "unknown node `nobody`", "known here"),
    "edge from a sink": ("{from: fetch, to: FINISH}", "{from: fetch, to: FINISH}\n    - {from: FINISH, to: HANDOVER}", 27, "sink `FINISH`", "ends"),
    "cycle": ("{from: help, to: fetch}", "{from: help, to: fetch}\n    - {from: fetch, to: help}", 26, "cycle: help -> fetch -> help", "forwards"),
    "cycle of one": ("{from: help, to: fetch}", "{from: help, to: fetch}\n    - {from: help, to: help}", 26, "cycle: help -> help", "max_retries"),
    "unreachable node": ("fallback: spare}", "join: all}", 19, "the node `spare` is unreachable", "`classify`"),
    "unreachable sink": ("{from: fetch, to: FINISH}", "{from: fetch, to: HANDOVER}", 21, "`FINISH` is unreachable", "start"),
    "dead end": ("    - {from: fetch, to: FINISH}\n", "", 20, "no edge leads on from `fetch`", "sink"),
    "unknown start": ("workflow:\n", "workflow:\n  start: [classify, halp]\n", 16, "unknown node `halp`", "did you mean `help`?"),
    "start with an edge to it": ("workflow:\n", "workflow:\n  start: [classify, help]\n", 16, "an edge ends at the start node", "before"),
    "no FINISH": ("action: finish_conversation", "action: handover_to_human", 16, "there is no FINISH sink", "finish_conversation"),
    "no HANDOVER": ("    - {id: HANDOVER, type: sink, action: handover_to_human}\n", "", 16, "there is no HANDOVER sink", "handover_to_human"),
    "unknown fallback": ("fallback: spare", "fallback: spore", 18, "unknown node `spore`", "did you mean `spare`?"),
    "fallback to a finish": ("fallback: spare", "on_limit: {max_cost: {fallback: FINISH}}", 18, "sink `FINISH` cannot be a fallback", "finish"),
    "fallback with edges": ("{from: fetch, to: FINISH}", "{from: fetch, to: FINISH}\n    - {from: spare, to: FINISH}", 27, "`spare` has an edge", "go on from it"),
    "fallback cycle": ("type: simple, prompt: Help.}", "type: simple, prompt: Help., fallback: help}", 18, "help -> spare -> help", "last"),
    "fallback to itself": ("type: simple, prompt: Help.}", "type: simple, prompt: Help., fallback: spare}", 19, "spare -> spare", "last"),
    "bad query": ("output.intent ==", "output..intent ==", 24, "not a JMESPath query", "single quotes"),
    "unknown name in a query": ("== 'help'", '== `1` && clasify.output', 24, "unknown name `clasify`", "did you mean `classify`?"),
    "output outside an edge": ("reply: help.output.text", "reply: output.text", 21, "unknown name `output`", "name the node"),
    "bad expression": ('"output.intent == \'help\'"', "{type: expression, expression: output.intent}", 24, "attribute access", "subscripts"),
    "bad policy": ("when: turn.vip", "when: lower(turn)", 28, "no function `lower`", "single quotes"),
    "bad template": ("{{ turn.text }}", "{{ turn.text", 9, "never closed", ""),
    "bad argument": ("{{ classify.output.id }}", "{{ clasify.output.id }}", 20, "unknown name `clasify`", "did you mean `classify`?"),
    "bad JSON Schema": ("{type: object}", "{type: objekt}", 10, "not a JSON Schema of use", "2020-12"),
    "costly JSON Schema": ("{type: object}", "{properties: {a: {anyOf: [{$ref: '#'}, {$ref: '#'}]}}}", 10, "more than 20000 comparisons of one value", "2020-12"),
    "remote JSON Schema": ("{type: object}", "{$ref: 'http://127.0.0.1:9/x'}", 10, "not a JSON Schema", "without remote"),
    "cache of a node with tools": ("kind: reasoning", "kind: reasoning\n    cache: {tier: exact}", 13, "`cache` has no effect on a reasoning agent", "a simple agent has it"),
    "unknown tier": ("profile: fast", "cache: {tier: semantik}", 8, "one of exact, semantic", "did you mean `semantic`?"),
    "unknown field of a cache": ("profile: fast", "cache: {ttl_second: 60}", 8, "unknown field `ttl_second`", "did you mean `ttl_seconds`?"),
    "cache for ever": ("profile: fast", "cache: {ttl_seconds: 99999999}", 8, "above the most, 2592000", "kept"),
    "baseline that is no time": ("limits: {max_cost: 1.00", "baseline: {handling_seconds: 5m}\nlimits: {max_cost: 1.00", 4, "a whole number, not `5m`", "seconds"),
    "unknown field of a baseline": ("limits: {max_cost: 1.00", "baseline: {usd_an_hour: 25}\nlimits: {max_cost: 1.00", 4, "unknown field `usd_an_hour`", "did you mean `usd_per_hour`?"),
    "outcome of a handover": ("action: handover_to_human", "action: handover_to_human, outcome: sold", 22, "`outcome` has no effect on a handover", "FINISH"),
    "metadata without an outcome": ("reply: help.output.text", "metadata: {a: 1}", 21, "no effect without an `outcome`", "add"),
    "sale without its value": ("reply: help.output.text", "outcome: sale_completed", 21, "`order_value` books nothing", "order_value"),
    "bad template of metadata": ("reply: help.output.text", 'outcome: sold, metadata: {a: "{{ halp }}"}', 21, "unknown name `halp`", "did you mean `help`?"),
    "metadata that is no value": ("reply: help.output.text", "outcome: sold, metadata: {a: [1]}", 21, "not a list", ""),
    "bad template of a cache": ("profile: fast", 'cache: {locale: "{{ turn.lang"}', 8, "never closed", ""),
    "unknown tool": ("tool: shop.get", "tool: shop.got", 20, "unknown tool `shop.got`", "did you mean `shop.get`?"),
    "pattern without a tool": ("[shop.*]", "[shap.*]", 14, "no tool matches `shap.*`", "shop.get"),
    "pattern in a tool node": ("tool: shop.get", "tool: shop.*", 20, "`shop.*` is a pattern", "exactly one"),
    "unknown transfer tool": ("[shop.transfer]", "[shop.transfr]", 29, "unknown tool `shop.transfr`", "did you mean `shop.transfer`?"),
    "unknown profile": ("profile: fast", "profile: fats", 8, "unknown profile `fats`", "did you mean `fast`?"),
    "unknown cheaper profile": ("fallback: spare", "on_limit: {max_cost: {cheaper_profile: fats}}", 18, "unknown profile `fats`", "did you mean `fast`?"),
    "unknown cheaper profile of the workflow": ("max_cost: 1.00", "on_limit: {max_cost: [ask_human, {cheaper_profile: fats}]}", 4, "unknown profile `fats`", "did you mean `fast`?"),
    "cheaper profile that is the own one": ("prompt: Help.}", "prompt: Help., profile: fast, on_limit: {max_cost: {cheaper_profile: fast}}}", 19, "the node's own profile", "costs less"),
    "money step on a node that spends nothing": ("type: simple, prompt: Help.}", "type: human, ask: Well, on_limit: {max_cost: ask_human}}", 19, "`ask_human` has no effect on a human node", "spend money"),
    "cheaper profile without a model": ("tool: shop.get,", "tool: shop.get, on_limit: {max_cost: {cheaper_profile: fast}},", 20, "`cheaper_profile` has no effect", "ask models"),
    "reaction after the last one": ("max_cost: 1.00", "on_limit: {max_cost: [handover, ask_human]}", 4, "nothing can come after", "last"),
    "two questions": ("max_cost: 1.00", "on_limit: {max_cost: [ask_human, {ask_human: {timeout_ms: 5000}}]}", 4, "there twice", "once"),
    "no reaction in the list": ("max_cost: 1.00", "on_limit: {max_cost: []}", 4, "`max_cost`", "ask_human"),
    "question that waits too long": ("max_cost: 1.00", "on_limit: {max_cost: {ask_human: {timeout_ms: 999999999}}}", 4, "above the most", "waits for an answer"),
    "question that nobody may see": ("max_cost: 1.00", "on_limit: {max_cost: [{ask_human: {skill: x}}]}", 4, "unknown field `skill`", "did you mean `skills`?"),
    "money step at another limit": ("fallback: spare", "on_limit: {max_retries: ask_human}", 18, "cannot be `ask_human`", "retry,"),
    "two names of one field": ("  policies:", "  confidence_min: 1\n  confidence_threshold: 1\n  policies:", 29, "another name", "keep one"),
    "bad alert": ("success_rate < 0.90", "sucess_rate < 0.90", 3, "`condition` cannot be", "success_rate < 0.90"),
    "alert without a number": ("success_rate < 0.90", "success_rate < high", 3, "`condition` cannot be", "such as"),
    "bad percentage": ("rollout: 0%", "rollout: 101%", 32, "`rollout` cannot be `101%`", "such as 5%"),
    "share without a percent sign": ("rollout: 0%", "rollout: 5", 32, "`rollout` is a text, not 5", "such as 5%"),
    "bad duration": ("duration: 7d", "duration: 1w", 32, "`duration` cannot be `1w`", "30m, 12h, 7d"),
    "falling share": ("rollout: 0%", "rollout: 50%}\n    - {name: review, duration: 1d, rollout: 20%", 33, "falls from 50% to 20%", "at least"),
    "endless stage": ("duration: 7d", "duration: ongoing", 32, "`shadow` never ends", "last stage"),
    "stage twice": ("name: auto", "name: shadow", 33, "`shadow` is there twice", "once"),
    "duplicate key": ("version: 1.0.0\n", "version: 1.0.0\nversion: 2.0.0\n", 3, "`version` is there twice", "first on line 2"),
    "anchor": ("{type: object}", "&a {type: object}", 10, "anchors and aliases are not allowed", "write the value out"),
    "alias": ("profile: fast", "profile: *a", 8, "anchors and aliases are not allowed", "write the value out"),
    "broken YAML": ("kind: reasoning", "kind: [reasoning", 13, "expected ',' or ']'", "flow sequence"),
    "key that is no text": ("profile: fast", "? [a]\n    : fast", 8, "a key must be a plain text", ""),
    "endless number": ("timeout_ms: 1000", "timeout_ms: " + "9" * 5_000, 4, "not a finite number", ""),
    "infinite number": ("max_cost: 1.00", "max_cost: .inf", 4, "not a finite number", ""),
    "half a character": ("prompt: Help.\n", 'prompt: "\\ud800"\n', 13, "half of a surrogate pair", ""),
    "escape beyond Unicode": ("prompt: Help.\n", 'prompt: "\\UFFFFFFFF"\n', 13, "not YAML", ""),
    "two documents": ("deployment:", "---\ndeployment:", 30, "but found another document", ""),
    "control character": ("prompt: Help.\n", "prompt: \x01\n", 13, "U+0001 is not allowed", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_reported_at_its_line_with_a_hint(case: str) -> None:
    old, new, line, message, hint = CASES[case]
    assert old in GOOD
    found = errors_of(GOOD.replace(old, new, 1))
    assert [error for error in found if error.line == line and message in error.message and hint in error.hint], found


def test_a_mistake_names_file_column_and_field() -> None:
    (error,) = errors_of(GOOD.replace("timeout_ms: 1000", "timeout: 1000"))
    assert (error.file, error.line, error.column, error.field) == ("w.yaml", 4, 26, "limits.timeout")
    assert str(error) == "w.yaml:4: unknown field `timeout` (did you mean `timeout_ms`?)"


def test_a_mistake_in_a_list_names_its_place_in_it() -> None:
    (error,) = errors_of(GOOD.replace("tool: shop.get", "tool: shop.got"))
    assert error.field == "workflow.nodes[3].tool"


def test_every_mistake_is_reported_at_once_in_the_order_of_lines() -> None:
    spoilt = GOOD.replace("timeout_ms: 1000", "timeout: 1").replace("profile: fast", "profile: fats")
    spoilt = spoilt.replace("to: fetch}", "to: fetsh}").replace("rollout: 0%", "rollout: 300%")
    with pytest.raises(WorkflowErrors) as raised:
        load_workflow(spoilt.encode(), file_name="w.yaml", known_profiles=PROFILES)
    lines = [error.line for error in raised.value.errors]
    assert lines == sorted(lines)
    assert {4, 8, 25, 32} <= set(lines)
    assert str(raised.value).splitlines() == [str(error) for error in raised.value.errors]


def test_two_default_responses_for_one_fallback_are_refused() -> None:
    spoilt = GOOD.replace("fallback: spare}", "fallback: spare, default_response: Sorry.}").replace(
        "agent: classifier}", "agent: classifier, fallback: spare, default_response: Pardon.}"
    )
    (error,) = errors_of(spoilt)
    assert (error.line, "`spare` gets two default responses" in error.message) == (18, True)


def test_what_is_not_known_is_not_checked() -> None:
    spoilt = GOOD.replace("tool: shop.get", "tool: other.tool").replace("profile: fast", "profile: own_profile")
    assert load_workflow(spoilt.encode(), file_name="w.yaml").nodes


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a comment\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "a workflow file is a mapping"),
        (b"just text", 1, "a workflow file is a mapping"),
        (b"name: a\nversion: \xff\n", 2, "byte 0xff is not UTF-8"),
        (b"name: a" + b"#" * 262_144, 1, "the file has 262151 bytes"),
        (b"a: " + b"[" * 100 + b"]" * 100, 1, "nested more than 32 levels deep"),
        (b"%YAML 9.9\n---\na: 1", 1, "found incompatible YAML document"),
    ],
)
def test_what_is_no_workflow_file_at_all_is_one_error(source: bytes, line: int, message: str) -> None:
    (error,) = errors_of(source)
    assert (error.line, message in error.message) == (line, True)


def test_a_blow_up_by_aliases_is_refused_at_the_first_anchor() -> None:
    bomb = "a: &a [x, x, x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    (error,) = errors_of(bomb)
    assert (error.line, error.message) == (1, "anchors and aliases are not allowed")


def test_the_largest_file_is_read_within_seconds() -> None:
    nodes = "".join(
        f"    - {{id: n{index}, type: rule, expression: turn, description: {'x' * 380}}}\n" for index in range(500)
    )
    source = f"name: big\nversion: 1\nworkflow:\n  nodes:\n{nodes}  edges: []\n"
    assert len(source) < 262_144
    assert len(errors_of(source)) > 500


def test_objectives_and_alerts_are_known_by_one_name_each() -> None:
    alert = '{condition: "success_rate < 0.90", severity: warning}'
    promises = "objectives: [{name: success_rate, condition: 'csat >= 4'}]"
    spoilt = GOOD.replace(f"alerts: [{alert}]", f"{promises}, alerts: [{alert}, {alert}]")
    assert [error.message for error in errors_of(spoilt)] == [
        "there are two objectives `success_rate`",
        "the alert `success_rate < 0.9 (warning)` is there twice",
    ]
