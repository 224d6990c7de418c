"""Are results written so that they can be read again, by us and by a CI system?"""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from tests.support.evaluations import evaluation, trial

from contracts.objectives import Slos
from hil.eval.gate import decide
from hil.eval.junit import write_junit
from hil.eval.played_source import played_source
from hil.eval.publish import finished_event
from hil.eval.report import print_evaluation
from hil.eval.results import read_results, write_results
from hil.eval.tolerance import GateRules
from hil.outcome import CommandError
from orchestrator.adapters.workflow_file import load_workflow

FOUND = evaluation({"a": [trial(), trial(fails="tools")], "b": [trial(rating=5), trial()]})
CACHING = """
name: w
version: 1.10
slos: {success_rate: 0.9}
deployment: {stages: [{name: shadow, duration: 7d, rollout: 0%}]}
agents: {helper: {kind: simple, prompt: Hello, cache: {tier: semantic}}}
workflow:
  nodes:
    - {id: one, agent: helper}
    - {id: two, type: simple, prompt: "Again, 2026-01-01", cache: {}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: two.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges: [{from: one, to: two}, {from: two, to: FINISH}]
"""


def test_results_are_read_as_they_were_written_one_case_a_line(tmp_path: Path) -> None:
    file = tmp_path / "here" / "results.json"
    write_results(file, FOUND)
    assert read_results(file) == FOUND
    assert [line[:8] for line in file.read_text().splitlines()[1:-1]] == ['{"id":"a', '{"id":"b']


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "is not a results file"), ("", "is not a results file"), (None, "cannot be read")]
)
def test_what_is_no_results_file_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "results.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError, match=said):
        read_results(file)


def test_a_case_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_results(file, FOUND.model_copy(update={"cases": FOUND.cases * 2}))
    with pytest.raises(CommandError, match="cases a, b are there twice"):
        read_results(file)


def test_junit_names_each_case_and_why_it_failed(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    write_junit(file, evaluation({"a": [trial(fails="check")] * 2, "b\x00": [trial()]}))
    suite = ElementTree.parse(file).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed = [case.find("failure") for case in suite]
    assert failed[1] is None
    assert failed[0] is not None
    assert (failed[0].get("message"), failed[0].text) == ("0 of 2 trials passed", "check: the check is wrong (×2)")


def test_the_event_tells_the_figures_and_the_verdict_and_nothing_of_what_was_said() -> None:
    told = finished_event(FOUND)
    assert (told.cases, told.trials, told.verdict) == (2, 4, "not_judged")
    assert (told.figures.pass_rate, told.figures.pass_k, told.figures.csat) == (0.75, (0.75, 0.5), 5)
    decision = decide(
        evaluation({"a": [trial()] * 4}), evaluation({"a": [trial(fails="tools")] * 4}), GateRules(), Slos()
    )
    judged = finished_event(FOUND, decision, baseline="b-1")
    assert (judged.verdict, judged.baseline) == ("regressed", "b-1")
    assert judged.findings[0].startswith("pass_rate was 1, is 0")


def test_a_workflow_is_played_without_caches_promises_and_stages_and_under_a_version_of_its_own() -> None:
    before = load_workflow(CACHING.encode(), file_name="w.yaml")
    after = load_workflow(played_source(CACHING.encode()), file_name="w.yaml")
    assert [node.id for node in before.nodes.values() if node.cache is not None] == ["one", "two"]
    assert [node.id for node in after.nodes.values() if node.cache is not None] == []
    assert after.version.startswith("1.10+eval.")
    assert (len(before.slos.objectives), len(before.stages)) == (1, 1)
    assert (len(after.slos.objectives), len(after.stages)) == (0, 0)
    assert after.edges == before.edges
    assert after.nodes["two"].prompt == before.nodes["two"].prompt
    changed = load_workflow(played_source(CACHING.replace("Hello", "Hi").encode()), file_name="w.yaml")
    assert changed.version != after.version


def test_a_person_sees_each_figure_in_its_unit_and_which_cases_failed() -> None:
    console = Console(file=io.StringIO(), width=120, record=True)
    print_evaluation(console, FOUND)
    told = [" ".join(line.split()) for line in console.export_text().splitlines()]
    for line in ("pass_rate 75.0 %", "pass^2 50.0 %", "cost_per_request $0.0100", "p95_latency_ms 1.00 s", "csat 5"):
        assert line in told
    assert "✗ case a: 1 of 2 passed; tools: the tools is wrong" in told
    print_evaluation(console, evaluation({"a": []}))
    assert "csat –" in [" ".join(line.split()) for line in console.export_text().splitlines()]
