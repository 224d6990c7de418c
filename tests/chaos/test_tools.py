"""Tools under kills in short; `python -m tests.chaos.tools` is the long form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_effect_is_there_twice_when_runner_and_server_are_killed_and_commands_come_twice(tmp_path: Path) -> None:
    # A process of its own: children must belong to its main thread.
    report = tmp_path / "report.json"
    program = [sys.executable, "-m", "tests.chaos.tools", "--ids", "0,5,72,105", "--every", "2", "--json", str(report)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=380, check=False)
    assert report.exists(), f"no report:\n{ended.stdout}\n{ended.stderr}"
    summary = json.loads(report.read_text())
    assert (summary["tasks"], summary["wrong"], summary["effects_twice"]) == (4, 0, 0), ended.stdout
    assert ended.returncode == 0, ended.stdout
