"""Does `hil demo` pass what was played right, and find exactly what was played wrong?"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.programs import Ended, run_program

pytestmark = pytest.mark.slow
RIGHT = ("db_equal", "calls_equal", "communicated")


async def demo(report: Path, *options: str) -> tuple[Ended, dict[str, dict[str, object]]]:
    """How the command ended, and what it reports of each task."""
    command = (sys.executable, "-m", "hil", "demo", "--json", str(report), *options)
    ended = await run_program(*command, timeout_seconds=120)
    found = read(report)
    passed = [task for task in found["tasks"] if is_right(task)]
    assert (found["passed"], found["failed"]) == (len(passed), len(found["tasks"]) - len(passed))
    return ended, {task["id"]: task for task in found["tasks"]}


def read(report: Path) -> dict[str, Any]:
    """The report, which the command writes whatever came of the tasks."""
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def is_right(task: dict[str, object]) -> bool:
    return all(task[field] for field in RIGHT) and task["sink"] == task["expected_sink"]


async def test_tasks_that_are_played_right_pass(tmp_path: Path) -> None:
    ended, tasks = await demo(tmp_path / "report.json", "--ids", "0,5,10")
    assert ended.status == 0, ended.out
    assert {name: task["sink"] for name, task in tasks.items()} == {"0": "FINISH", "5": "FINISH", "10": "HANDOVER"}
    assert all(is_right(task) for task in tasks.values())
    assert all(int(str(task["tool_calls"])) > 0 for task in tasks.values())
    assert "3 of 3 passed" in ended.out
    assert "replayed: no model was asked" in ended.out


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [("skip", {"db_equal", "calls_equal"}), ("swap", {"calls_equal"}), ("double", {"calls_equal"})],
)
async def test_a_task_that_is_played_wrong_is_found_and_no_other(tmp_path: Path, fault: str, wrong: set[str]) -> None:
    ended, tasks = await demo(tmp_path / "report.json", "--ids", "0,10", "--fault", fault, "--fault-ids", "0")
    assert ended.status == 1, ended.out
    assert is_right(tasks["10"])
    assert {field for field in RIGHT if not tasks["0"][field]} == wrong
    assert "1 of 2 passed" in ended.out
