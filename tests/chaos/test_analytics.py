"""Counting under kills in short; `python -m tests.chaos.analytics` is longer."""

from pathlib import Path

import pytest

from tests.chaos.played import played


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_figures_are_exact_whenever_the_service_is_killed_and_when_they_are_counted_anew(tmp_path: Path) -> None:
    summary = played(tmp_path, "tests.chaos.analytics", "--events", "8000", "--lives", "1")
    assert set(summary["wrong"].values()) == set(summary["rebuilt_wrong"].values()) == {0}
    assert summary["meanwhile_wrong"] == 0
    assert summary["kills"] >= 1 and summary["rebuild_kills"] >= 1 and summary["archived"] >= 100
