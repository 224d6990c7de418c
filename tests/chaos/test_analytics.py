"""Counting under kills in short; `python -m tests.chaos.analytics` is longer."""

from pathlib import Path

import pytest

from tests.chaos.played import played


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_figures_are_exact_whenever_the_service_is_killed(tmp_path: Path) -> None:
    summary = played(tmp_path, "tests.chaos.analytics", "--events", "8000", "--lives", "1")
    assert (summary["minutes_wrong"], summary["rest_wrong"], summary["microdollars_wrong"]) == (0, 0, 0)
    assert summary["kills"] >= 1
