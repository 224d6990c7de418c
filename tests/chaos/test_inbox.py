"""The inbox and its feed under kills in short; `python -m tests.chaos.inbox` and `tests.chaos.feed` are longer."""

from pathlib import Path

import pytest

from tests.chaos.played import played


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
