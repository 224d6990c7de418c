"""What does the fixture's answer say to a test whose workflow is worse?"""

from pathlib import Path

import pytest
from tests.support.evaluations import evaluation, trial

from hil.eval.prepare import prepared
from hil.eval.pytest_plugin import Evaluated
from hil.eval.results import Evaluation, write_results
from hil.eval.suite_file import load_suite
from hil.outcome import CommandError

EXAMPLE = Path(__file__).parents[4] / "examples" / "evaluation"
NAMES = {"suite": "shop_hours_suite", "workflow": "shop_hours"}
CASES = ("opening_hours", "asks_twice", "cannot_know")
GOOD = evaluation({name: [trial()] * 4 for name in CASES}, **NAMES)
WORSE = evaluation({name: [trial(fails="sink", sink="HANDOVER")] * 4 for name in CASES}, **NAMES)


def evaluated(found: Evaluation) -> Evaluated:
    loaded = load_suite(EXAMPLE / "shop_hours_suite.yaml")
    return Evaluated(loaded, prepared(loaded).workflow, found)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    write_results(tmp_path / "baseline.json", GOOD.model_copy(update={"blessed": "by a test"}))
    return tmp_path / "baseline.json"


def test_what_passes_is_no_failure(baseline: Path) -> None:
    evaluated(GOOD).assert_all_pass()
    evaluated(GOOD).assert_no_worse_than(baseline)
    assert evaluated(GOOD).figures["pass^4"] == 1.0


def test_failed_cases_are_named_with_their_reasons() -> None:
    with pytest.raises(
        pytest.fail.Exception, match=r"3 of 3 cases failed\nopening_hours: sink: the sink is wrong \(×4\)"
    ):
        evaluated(WORSE).assert_all_pass()


def test_every_regression_is_named(baseline: Path) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        evaluated(WORSE).assert_no_worse_than(baseline)
    for name in ("regressed", "pass_rate was 1, is 0", "handover_rate was 0, is 1", "promise handover_rate <= 0.6"):
        assert name in str(failed.value)


def test_too_few_trials_are_no_success(baseline: Path) -> None:
    few = evaluation({CASES[0]: [trial()]}, **NAMES)
    with pytest.raises(pytest.fail.Exception, match="not_enough_trials"):
        evaluated(few).assert_no_worse_than(baseline)


def test_what_nobody_blessed_is_no_baseline(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", GOOD)
    with pytest.raises(CommandError, match="nobody has blessed it"):
        evaluated(GOOD).assert_no_worse_than(tmp_path / "results.json")
