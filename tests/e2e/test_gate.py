"""Is each sort of worse stopped for its own reason, and the unchanged workflow let through, on the real system?"""

from pathlib import Path

import pytest
from tests.bench.gate import WORSE, Bench

from hil.eval.gate import Verdict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SHORT = ("24", "57", "89", "73", "75", "80", "82", "83", "84", "85", "88", "93")
"""Tasks of at most one call; the first and the third tell the customer something."""


async def test_what_is_worse_is_stopped_for_its_own_reason_and_the_same_passes(tmp_path: Path) -> None:
    """`python -m tests.bench.gate` is the long form: 24 cases, and 20 times unchanged."""
    bench = Bench(ids=SHORT, sample=None, repeats=2, unchanged=1, tell=print)
    rows = await bench.rows(tmp_path)
    assert [row.name for row in rows] == ["unchanged 1", *(worse.name for worse in WORSE), "latency"]
    assert [str(row) for row in rows if not row.is_right] == []
    assert [row.decision.verdict for row in rows] == [Verdict.PASSED, *[Verdict.REGRESSED] * 5]
