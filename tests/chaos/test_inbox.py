"""The inbox under kills in short, with a fixed seed; `python -m tests.chaos.inbox` is the long form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_claim_reply_or_verdict_is_lost_or_doubled_and_rehoming_happens_once_under_kills(tmp_path: Path) -> None:
    # A process of its own: children must belong to its main thread.
    report = tmp_path / "report.json"
    program = [sys.executable, "-m", "tests.chaos.inbox", "--seed", "1", "--seconds", "1", "--json", str(report)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=220, check=False)
    assert report.exists(), f"no report:\n{ended.stdout}\n{ended.stderr}"
    summary = json.loads(report.read_text())
    assert summary["broken"] == []
    assert ended.returncode == 0, ended.stdout
