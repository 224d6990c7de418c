"""Nothing is spent beyond a budget, whatever is killed: `hil bench budget` in its short form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_budget_is_overspent_under_concurrency_and_kills(tmp_path: Path) -> None:
    file = tmp_path / "budget.json"
    program = [sys.executable, "-m", "hil", "bench", "budget", "--form", "short", "--json", str(file)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=220, check=False)
    assert file.exists(), f"no figures:\n{ended.stdout}\n{ended.stderr}"
    figures = json.loads(file.read_text())
    wrong = {row["scenario"]: row["violations"] for row in figures["rows"] if row["violations"]}
    assert (figures["violations"], wrong, ended.returncode) == (0, {}, 0), ended.stderr
    assert len(figures["rows"]) == 9
    ten = figures["rows"][0]
    assert (ten["allowed"], ten["reached_upstream"], ten["leaked_microdollars"]) == (10, 10, 0)
