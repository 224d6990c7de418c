"""How is a chaos run played from a test?"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def played(folder: Path, module: str, *options: str) -> Any:
    """The summary of a run that found nothing. A process of its own: children must belong to its main thread."""
    report = folder / "report.json"
    program = [sys.executable, "-m", module, "--seed", "1", *options, "--json", str(report)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=220, check=False)
    assert report.exists(), f"no report:\n{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, ended.stdout
    return json.loads(report.read_text())
