"""Does the example of a suite in a test suite of one's own pass, and fail where its workflow is worse?"""

import shutil
import sys
from pathlib import Path

import pytest
from tests.support.programs import ROOT, Ended, run_program

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "examples" / "evaluation"


async def play_tests_in(directory: Path) -> Ended:
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(directory),
        str(directory),
    )
    return await run_program(*command, timeout_seconds=120)


async def test_the_example_passes() -> None:
    ended = await play_tests_in(EXAMPLE)
    assert (ended.status, "2 passed" in ended.out) == (0, True), ended.out


async def test_a_worse_workflow_fails_both_tests_with_reasons(tmp_path: Path) -> None:
    directory = shutil.copytree(EXAMPLE, tmp_path / "evaluation")
    workflow = directory / "shop_hours.yaml"
    workflow.write_text(workflow.read_text().replace("`0.7`", "`0.95`"))
    ended = await play_tests_in(directory)
    assert ended.status == 1, ended.out
    assert "2 failed" in ended.out
    assert "opening_hours: sink: HANDOVER instead of FINISH" in ended.out
    assert "handover_rate was 0.25, is 1" in ended.out
