"""Is every mistake of a suite told with its line, and does what is right load?"""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hil.eval.schema import SCHEMA_FILE, schema_text
from hil.eval.suite import Case
from hil.eval.suite_file import chosen, load_suite
from hil.outcome import CommandError

SUITES = sorted((SCHEMA_FILE.parent / "suites").glob("*.yaml"))
GOOD = """\
workflow: first
cases:
  - {id: a, text: hello, expected_sink: FINISH, checks: ["length(reply) > `1`"]}
  - id: b
    turns: [hello, again]
    expected_sink: HANDOVER
    expected_reason: not_sure
    tool_calls: [{tool: shop.pay, arguments: {amount: 3}, times: 0}]
    other_tool_calls: forbidden
    grade: [{question: "Is it polite?", votes: 3}]
  - {id: c, input: {order: 7}, expected_sink: FINISH}
gate: {trials_min: 3, tolerances: {pass_rate: 0.1, p95_latency_ms: 20%}}
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "suite.yaml"
    file.write_text(text)
    return file


def test_a_good_suite_loads_with_its_workflow(tmp_path: Path) -> None:
    loaded = load_suite(written(tmp_path, GOOD))
    assert [case.id for case in loaded.cases] == ["a", "b", "c"]
    assert loaded.workflow_file.name == "first.yaml"
    assert [case.said for case in loaded.cases if isinstance(case, Case)] == [["hello"], ["hello", "again"], []]


def test_a_suite_is_another_one_when_it_expects_something_else_and_not_when_its_gate_changes(tmp_path: Path) -> None:
    before = load_suite(written(tmp_path, GOOD)).suite_hash
    assert load_suite(written(tmp_path, GOOD.replace("trials_min: 3", "trials_min: 4"))).suite_hash == before
    assert load_suite(written(tmp_path, GOOD.replace("times: 0", "times: 1"))).suite_hash != before


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_every_shipped_suite_loads_and_editors_accept_it(file: Path) -> None:
    loaded = load_suite(file)
    assert loaded.cases
    assert loaded.workflow_file.parent == SCHEMA_FILE.parent
    assert (
        list(Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).iter_errors(yaml.safe_load(file.read_text())))
        == []
    )


def test_the_documentation_names_every_field_of_the_format() -> None:
    documentation = (SCHEMA_FILE.parents[1] / "docs" / "evaluation.md").read_text()
    schema = json.loads(SCHEMA_FILE.read_text())
    fields = {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})}
    assert fields - set(re.findall(r"\w+", documentation)) == set()


def test_the_published_schema_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run `make catalogue`"
    Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("workflow: first", "workflow: 'no good'", 1, "workflow"),
        ("text: hello,", "", 3, "give exactly one of text, turns and input"),
        ("text: hello,", "txt: hello,", 3, "txt: Extra inputs are not permitted"),
        ("expected_sink: FINISH, checks", "expected_sink: END, checks", 3, "'FINISH' or 'HANDOVER' (got 'END')"),
        ("length(reply)", "lenght(reply)", 3, "JMESPath has no function `lenght`"),
        ("> `1`", ">", 3, "not a JMESPath query"),
        ("id: b", "id: a", 1, "case ids a are there twice"),
        ("times: 0", "times: -1", 8, "greater than or equal to 0 (got '-1')"),
        ("tool: shop.pay", "tool: pay", 8, "cases.1.tool_calls.0.tool"),
        ("votes: 3", "votes: 2", 10, "(got '2')"),
        ("pass_rate: 0.1", "pas_rate: 0.1", 12, "pas_rate"),
        ("20%", "20 %", 12, "a share of the baseline such as 20%"),
        ("turns: [hello, again]", "turns: &a [hello]", 5, "anchors and aliases are not allowed"),
        ("gate:", "tasks: {split: train}\ngate:", 1, "tasks need a domain"),
    ],
)
def test_mistakes_are_told_with_file_line_and_field(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    file = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(CommandError) as refused:
        load_suite(file)
    assert said in str(refused.value)
    assert f"{file}:{line}: " in str(refused.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("domain: nowhere", "domain: nowhere: no such file"),
        ("domain: retail\ntasks: {split: exam}", "no split 'exam'"),
        ("domain: retail\ntasks: {ids: ['9999']}", "no task '9999'"),
        ("domain: other.yaml", "domain: other.yaml: no such file"),
        ("replay: {script: answers.json}", "replay.script: answers.json: no such file"),
    ],
)
def test_what_a_suite_names_must_be_there(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        load_suite(written(tmp_path, f"{GOOD}{more}\n"))


def test_a_suite_without_its_workflow_or_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="workflow: other: no such file"):
        load_suite(written(tmp_path, GOOD.replace("workflow: first", "workflow: other")))
    with pytest.raises(CommandError, match="give cases, or tasks of a domain"):
        load_suite(written(tmp_path, "workflow: first\n"))
    with pytest.raises(CommandError, match="cannot be read"):
        load_suite(tmp_path / "none.yaml")


def test_a_script_that_is_no_script_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text('{"rules": [{"answer": 1}]}')
    with pytest.raises(CommandError, match=r"answers\.json"):
        load_suite(written(tmp_path, f"{GOOD}replay: {{script: answers.json}}\n"))


def test_tasks_are_cases_beside_others_and_ids_must_differ(tmp_path: Path) -> None:
    text = f"{GOOD}domain: retail\ntasks: {{ids: ['0', '5']}}\n"
    assert [case.id for case in load_suite(written(tmp_path, text)).cases] == ["a", "b", "c", "0", "5"]
    with pytest.raises(CommandError, match="ids must differ"):
        load_suite(written(tmp_path, text.replace("id: b", 'id: "5"')))


def test_a_sample_is_spread_over_the_suite_and_the_same_each_time() -> None:
    loaded = load_suite(SCHEMA_FILE.parent / "suites" / "retail_train.yaml")
    picked = [case.id for case in chosen(loaded, ids=[], sample=4).cases]
    assert picked == [loaded.cases[index].id for index in (0, 18, 37, 55)]
    assert chosen(loaded, ids=["4", "0"], sample=None).cases == chosen(loaded, ids=["0", "4"], sample=9).cases
    with pytest.raises(CommandError, match="has no case 'x'"):
        chosen(loaded, ids=["0", "x"], sample=None)
