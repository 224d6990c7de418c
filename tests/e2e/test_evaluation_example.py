"""Does the example of a suite in a test suite of one's own pass?"""

import sys

import pytest
from tests.support.programs import ROOT, run_program

pytestmark = pytest.mark.slow


async def test_the_example_passes() -> None:
    example = str(ROOT / "examples" / "evaluation")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", example, example)
    ended = await run_program(*command, timeout_seconds=120)
    assert (ended.status, "2 passed" in ended.out) == (0, True), ended.out
