"""The inbox and its feed under kills in short; `python -m tests.chaos.inbox` and `tests.chaos.feed` are longer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def played(folder: Path, module: str, *options: str) -> Any:
    """The summary of a run that found nothing. A process of its own: children must belong to its main thread."""
    report = folder / "report.json"
    program = [sys.executable, "-m", module, "--seed", "1", *options, "--json", str(report)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=220, check=False)
    assert report.exists(), f"no report:\n{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, ended.stdout
    return json.loads(report.read_text())


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_claim_reply_or_verdict_is_lost_or_doubled_and_rehoming_happens_once_under_kills(tmp_path: Path) -> None:
    summary = played(tmp_path, "tests.chaos.inbox", "--seconds", "6")
    assert summary["broken"] == []
    assert summary["rehomed"] > 0 and summary["cut"] > 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_subscriber_of_the_feed_ends_with_the_snapshot_under_kills(tmp_path: Path) -> None:
    summary = played(tmp_path, "tests.chaos.feed", "--subscribers", "20", "--events", "500", "--lives", "3")
    assert (summary["gaps"], summary["repeats"], summary["wrong_states"]) == (0, 0, [])
    assert summary["told"] == 20 * summary["expected"] and summary["kills"] > 0
