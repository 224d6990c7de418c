"""The kill test in short, with fixed seeds; `make chaos` is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = ("lost", "duplicated", "stuck", "wrong", "replay_differences")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seed", "replicas", "seconds"), [(1, 1, 7), (2, 3, 7)])
def test_nothing_is_lost_doubled_or_stuck_under_kills(seed: int, replicas: int, seconds: int, tmp_path: Path) -> None:
    # A process of its own: children must belong to its main thread, and the event loop of a test is not uvloop's.
    report = tmp_path / "report.json"
    numbers = {"seed": seed, "replicas": replicas, "seconds": seconds, "rate": 3, "workflows": 15}
    options = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    program = [sys.executable, "-m", "tests.chaos", *options, "--json", str(report)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=220, check=False)
    assert report.exists(), f"no report:\n{ended.stdout}\n{ended.stderr}"
    summary = json.loads(report.read_text())
    broken = {name: summary[name] for name in BROKEN if summary[name]}
    assert not broken and ended.returncode == 0, ended.stdout
    assert json.loads(ended.stdout.splitlines()[-1]) == summary
    assert summary["kills"] > 0 and summary["executions"] > 0 and summary["replayed"] > 0
