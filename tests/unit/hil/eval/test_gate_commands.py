"""`hil eval bless` and `gate` on results that exist already: what is refused, and which status says what?"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.evaluations import evaluation, trial
from typer.testing import CliRunner

from hil.eval.commands import eval_app
from hil.eval.prepare import prepared
from hil.eval.results import Evaluation, Failure, Trial, read_results, write_results
from hil.eval.suite_file import load_suite
from hil.outcome import CommandError

SUITE = """
workflow: first
cases: [{id: a, text: hello, expected_sink: FINISH}]
gate: {tolerances: {cost_per_request: 20%}}
"""


HASHES: dict[str, str] = {}


def found(trials: Sequence[Trial], **fields: object) -> Evaluation:
    return evaluation({"a": trials}, suite="suite", workflow="first", **HASHES, **fields)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE)
    loaded = load_suite(file)
    HASHES.update(suite_hash=loaded.suite_hash, content_hash=prepared(loaded).workflow.content_hash)
    return file


@pytest.fixture
def baseline(suite: Path, tmp_path: Path) -> Path:
    write_results(tmp_path / "good.json", found([trial(cost=1_000)] * 20))
    file = tmp_path / "baseline.json"
    assert asked("bless", tmp_path / "good.json", "--baseline", file, "--reason", "the first, by Ada").exit_code == 0
    return file


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(eval_app, list(map(str, arguments)))


def judged(suite: Path, baseline: Path, evaluation: Evaluation) -> Result:
    results = suite.parent / "results.json"
    write_results(results, evaluation)
    return asked("gate", suite, "--baseline", baseline, "--results", results)


def test_a_baseline_says_who_blessed_it_and_why(baseline: Path) -> None:
    assert read_results(baseline).blessed == "the first, by Ada"


def test_the_same_passes_with_status_0(suite: Path, baseline: Path) -> None:
    result = judged(suite, baseline, found([trial(cost=1_000)] * 20))
    assert (result.exit_code, "✓ passed: no worse than" in result.output) == (0, True)


def test_what_is_worse_has_status_1_and_every_regression_is_listed(suite: Path, baseline: Path) -> None:
    result = judged(suite, baseline, found([trial(fails="tools", cost=9_000)] * 20))
    assert result.exit_code == 1
    for name in ("pass_rate was 1, is 0", "pass^20 was 1, is 0", "cost_per_request was 0.001, is 0.009", "stopped: 3"):
        assert name in result.output


def test_too_few_trials_have_status_2(suite: Path, baseline: Path) -> None:
    result = judged(suite, baseline, found([trial(cost=1_000)] * 2))
    assert result.exit_code == 2
    assert "20 are needed (slos.minimum_events)" in result.output
    assert "not decided" in result.output


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"suite": "other"}, "is about the suite other"),
        ({"workflow": "other"}, "is about the workflow other"),
        ({"content_hash": "old"}, "is about the content of the workflow old"),
        ({"suite_hash": "old"}, "is about the content of the suite old"),
    ],
)
def test_results_of_something_else_are_not_compared(
    suite: Path, baseline: Path, fields: dict[str, object], said: str
) -> None:
    other = found([trial()]).model_copy(update=fields)
    assert said in str(judged(suite, baseline, other).exception)


def test_a_replayed_model_is_not_compared_with_a_real_one(suite: Path, baseline: Path) -> None:
    one = trial().model_copy(update={"completions": 1})
    replayed = one.model_copy(update={"executions": (one.executions[0].model_copy(update={"replayed": True}),)})
    write_results(baseline, found([one], blessed="by Ada"))
    assert "bless one of the same sort" in str(judged(suite, baseline, found([replayed])).exception)
    assert "bless one of the same sort" in str(judged(suite, baseline, found([one], replayed=True)).exception)


def test_where_no_model_was_asked_nothing_is_mixed_up_and_the_regression_is_told(suite: Path, baseline: Path) -> None:
    silent = Trial(key="k", failures=(Failure(kind="no_outcome", detail="nothing ended"),))
    result = judged(suite, baseline, found([silent] * 20, replayed=None))
    assert (result.exit_code, "pass_rate was 1, is 0" in result.output) == (1, True)
    assert "no answer of a model in it" in result.output


def test_a_case_that_is_not_in_the_suite_any_more_is_not_overlooked(suite: Path, baseline: Path) -> None:
    suite.write_text(SUITE.replace("id: a,", "id: b,"))
    now = judged(suite, baseline, found([trial()]))
    assert "1 of its cases are not in suite any more (a): bless anew" in str(now.exception)


def test_results_are_judged_whole(suite: Path, baseline: Path) -> None:
    write_results(suite.parent / "results.json", found([trial()]))
    one = asked("gate", suite, "--baseline", baseline, "--results", suite.parent / "results.json", "--ids", "a")
    assert "--results: is judged whole" in str(one.exception)


def test_what_nobody_blessed_is_no_baseline(suite: Path, tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", found([trial()]))
    result = asked("gate", suite, "--baseline", tmp_path / "results.json")
    assert isinstance(result.exception, CommandError)
    assert "nobody has blessed it" in str(result.exception)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_blessing_needs_a_reason(tmp_path: Path, reason: str) -> None:
    write_results(tmp_path / "results.json", found([trial()]))
    result = asked("bless", tmp_path / "results.json", "--baseline", tmp_path / "b.json", "--reason", reason)
    assert "--reason: 1 to 500 characters" in str(result.exception)
    assert not (tmp_path / "b.json").exists()


def test_nothing_is_blessed_that_has_no_trials(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", found([]))
    result = asked("bless", tmp_path / "results.json", "--baseline", tmp_path / "b.json", "--reason", "why not")
    assert "has no trials of some cases" in str(result.exception)
