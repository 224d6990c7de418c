"""A suite in a test suite of one's own: `pytest examples/evaluation`. The fixture comes with the package `hil`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def evaluated(evaluate_suite):
    return evaluate_suite(HERE / "shop_hours_suite.yaml", repeat=3)


def test_every_case_passes_every_time(evaluated):
    evaluated.assert_all_pass()
    assert evaluated.figures["pass^3"] == 1.0


def test_it_is_no_worse_than_what_was_blessed(evaluated):
    evaluated.assert_no_worse_than(HERE / "baseline.json")
