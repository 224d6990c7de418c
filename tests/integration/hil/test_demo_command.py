"""`hil demo`: a few customers of the train split against the whole system."""

import json
from pathlib import Path

import pytest

from hil.domain_file import shipped_domain
from tests.integration.hil.test_workflow_command import hil

pytestmark = pytest.mark.slow


async def test_customers_get_what_their_tasks_expect_and_faults_are_found(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    played = await hil(
        None, "demo", "--ids", "0,10,5,1", "--fault", "double", "--fault-ids", "5,1", "--json", str(report)
    )
    assert played.returncode == 1, played.stderr
    assert "replayed" in played.stdout
    found = json.loads(report.read_text())
    passed = {
        task["id"]: task["db_equal"] and task["calls_equal"] and task["communicated"] and task["sink"]
        for task in found["tasks"]
    }
    assert passed == {"0": "FINISH", "10": "HANDOVER", "5": False, "1": False}
    assert (found["passed"], found["failed"]) == (2, 2)
    assert all(task["cost_usd"] > 0 and task["completions"] > 0 for task in found["tasks"])


async def test_a_domain_whose_database_cannot_be_found_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "domain.yaml"
    file.write_text(shipped_domain("retail").read_text().replace("{data_dir}", "/tmp"))
    run = await hil(None, "demo", "--domain", str(file), "--ids", "0")
    assert run.returncode == 2
    assert "no value of server.env holds {data_dir}" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ids", "0,nine"), "no task 'nine'"),
        (("--split", "exam"), "no split 'exam'"),
        (("--fault", "skip"), "--fault and --fault-ids belong together"),
    ],
)
async def test_what_cannot_be_played_is_said_before_anything_starts(arguments: tuple[str, ...], said: str) -> None:
    run = await hil(None, "demo", *arguments)
    assert run.returncode == 2
    assert said in run.stderr
