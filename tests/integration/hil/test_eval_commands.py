"""`hil eval` on a system that runs: trials are independent, production is captured, the history is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from contracts.conversations import MessageReceived
from contracts.evaluations import EvaluationFinished
from hil.demo.prepare import publish_workflow
from hil.embedded.plan import AllInThisProcess, ReplayModel, StackPlan
from hil.embedded.stack import running_stack
from hil.eval.commands import eval_app
from hil.eval.observe import observe
from hil.eval.results import read_results
from hil.turns import Turn, send_turn, wait_for_turn
from service_kit.connection import Connection, connected
from service_kit.log import Log
from tests.integration.hil.test_workflow_command import hil

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[3] / "examples" / "evaluation"
MORE = """
  - {id: wrong, text: "When do you open?", expected_sink: HANDOVER, checks: ["contains(reply, 'noon')"]}
  - {id: standalone, input: {question: hours}, expected_sink: FINISH, checks: ["output == 'Hello!'"]}
gate:"""
ANSWER = {"match": "^You answer customers", "times": None, "json": {"text": "Hello!", "confidence": 0.9}}
MAIL = "When do you open? Write to ada@example.com"


@asynccontextmanager
async def system(directory: Path) -> AsyncIterator[Connection]:
    """A whole one, whose model gives the answers of the example."""
    plan = StackPlan(
        data_dir=directory,
        layout=AllInThisProcess(),
        model=ReplayModel(None, ("--script", str(directory.parent / "answers.json"))),
    )
    async with (
        running_stack(plan, lambda notice: None) as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
    ):
        yield connection


def write_suite(directory: Path) -> Path:
    """The example with two cases more, its workflow and its answers."""
    rules = json.loads((EXAMPLE / "answers.json").read_text())["rules"]
    (directory / "answers.json").write_text(json.dumps({"rules": [*rules, ANSWER]}))
    (directory / "shop_hours.yaml").write_text((EXAMPLE / "shop_hours.yaml").read_text())
    suite = directory / "shop.yaml"
    suite.write_text((EXAMPLE / "shop_hours_suite.yaml").read_text().replace("\ngate:", MORE))
    return suite


async def ask(connection: Connection, key: str, text: str) -> None:
    turn = Turn("acme", key, MessageReceived(turn_id="1", text=text, workflow="shop_hours"))
    await send_turn(connection, turn)
    assert (await wait_for_turn(connection, turn, timeout_seconds=30)).is_over


async def test_a_suite_is_played_and_production_is_captured_on_a_running_system(tmp_path: Path) -> None:
    suite, data = write_suite(tmp_path), tmp_path / "data"
    async with system(data) as connection:
        source = (tmp_path / "shop_hours.yaml").read_bytes()
        await publish_workflow(connection, source, tenant="acme", file_name="shop_hours.yaml")
        for key in ("c1", "c2"):
            await ask(connection, key, "When do you open?")
        assert observe(await Log(connection).read("acme", "c2")).cached == 1, "production answers from the cache"

        await the_suite_is_played(connection, suite, data)
        await production_is_captured(connection, tmp_path, data)


async def the_suite_is_played(connection: Connection, suite: Path, data: Path) -> None:
    """Never from the cache, although the workflow declares one and the same question was answered before."""
    results, junit = suite.parent / "results.json", suite.parent / "junit.xml"
    files = ("--json", str(results), "--junit", str(junit))
    played = await hil(None, "eval", "run", str(suite), "--running", "-d", str(data), "--repeat", "3", *files)
    assert played.returncode == 0, played.stderr
    assert "replayed: no model was asked" in played.stdout
    found = read_results(results)
    tallies = {case.id: case.tally for case in found.cases}
    assert tallies == {
        "opening_hours": (3, 3), "asks_twice": (3, 3), "cannot_know": (3, 3), "wrong": (0, 3), "standalone": (3, 3),
    }  # fmt: skip
    trials = [trial for case in found.cases for trial in case.trials]
    assert len({trial.key for trial in trials}) == len(trials) == 15
    assert [len(trial.executions) for trial in found.cases[1].trials] == [2, 2, 2]
    assert all(trial.grading_microdollars > 0 for trial in found.cases[0].trials)
    assert {failure.kind for trial in trials for failure in trial.failures} == {"sink", "check"}
    logs = [observe(await Log(connection).read("eval", trial.key)) for trial in trials]
    assert sum(log.completions for log in logs) == 18
    assert sum(log.cached for log in logs) == 0
    assert ElementTree.parse(junit).getroot().get("failures") == "1"
    [told] = [entry.message for entry in await Log(connection).read("acme", found.id)]
    assert isinstance(told, EvaluationFinished)
    assert (told.trials, told.figures.pass_rate, told.figures.pass_k) == (15, 0.8, (0.8, 0.8, 0.8))


async def production_is_captured(connection: Connection, directory: Path, data: Path) -> None:
    await ask(connection, "c3", MAIL)
    into = directory / "captured.yaml"
    captured = await asked("capture", "c3", "-d", data, "--into", into)
    assert captured.exit_code == 0, captured.output
    assert "1 texts were masked" in captured.output
    assert yaml.safe_load(into.read_text()) == {
        "workflow": "shop_hours",
        "cases": [{"id": "c3", "text": "When do you open? Write to [REDACTED_EMAIL]", "expected_sink": "FINISH"}],
    }
    again = await asked("capture", "c3", "-d", data, "--into", into)
    assert "is there already" in str(again.exception)
    held = await asked("execution", "c3", "-d", data, "--suite", into, "--case", "c3")
    assert (held.exit_code, "c3: FINISH" in held.output) == (0, True), held.output
    missed = await asked("execution", "c3", "-d", data, "--suite", directory / "shop.yaml", "--case", "wrong", "--json")
    assert missed.exit_code == 1
    assert [failure["kind"] for failure in json.loads(missed.output)["failures"]] == ["sink", "check"]


async def asked(*arguments: object) -> Result:
    """A command of `hil eval` in a thread, for it runs an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, eval_app, list(map(str, arguments)))


async def test_what_cannot_be_played_is_said_before_anything_starts(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    ungraded = await hil(
        None, "eval", "run", str(EXAMPLE.parents[1] / "workflows/suites/retail_train.yaml"), "--running"
    )
    assert (ungraded.returncode, "leave out --running" in ungraded.stderr) == (2, True)
    nobody = await hil(None, "eval", "run", str(suite), "--running", "-d", str(tmp_path / "none"))
    assert (nobody.returncode, "no running system" in nobody.stderr) == (3, True)
    suite.write_text(suite.read_text().replace("replay: {script: answers.json}", ""))
    replayed = await hil(None, "eval", "run", str(suite))
    assert (replayed.returncode, "a replayed model cannot grade" in replayed.stderr) == (2, True)
