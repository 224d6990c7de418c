"""The fixture `evaluate_suite`: how is a suite evaluated in a test suite of one's own?

pytest loads this module in every session, so that what it needs is imported when the fixture is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil.eval.results import Evaluation
    from hil.eval.suite_file import LoadedSuite
    from orchestrator.domain.workflow import Workflow

FAILED_SHOWN_MAX = 10


@dataclass(frozen=True)
class Evaluated:
    """What came of a suite. `evaluation` has every trial; `figures` are by name, None where nothing was measured."""

    loaded: LoadedSuite
    workflow: Workflow
    evaluation: Evaluation

    @property
    def figures(self) -> dict[str, float | None]:
        from hil.eval.figures import figures_of

        return figures_of([case.trials for case in self.evaluation.cases])

    def assert_all_pass(self) -> None:
        """Every trial of every case."""
        from hil.eval.report import why_failed

        failed = [case for case in self.evaluation.cases if case.tally[0] < case.tally[1]]
        lines = [f"{case.id}: {'; '.join(why_failed(case)[:5])}" for case in failed[:FAILED_SHOWN_MAX]]
        if failed:
            pytest.fail(
                "\n".join([f"{len(failed)} of {len(self.evaluation.cases)} cases failed", *lines]), pytrace=False
            )

    def assert_no_worse_than(self, baseline: Path | str) -> None:
        """As `hil eval gate` decides: too few trials to tell are no success either."""
        from hil.eval.gate import Verdict, decide
        from hil.eval.gate_commands import blessed, check_baseline, check_sort

        held_to = blessed(Path(baseline))
        check_baseline(self.loaded, held_to, Path(baseline))
        check_sort(held_to, self.evaluation, Path(baseline))
        decision = decide(held_to, self.evaluation, self.loaded.suite.gate, self.workflow.slos)
        if decision.verdict is not Verdict.PASSED:
            found = [finding.text for finding in (*decision.regressions, *decision.unproven)]
            pytest.fail("\n".join([str(decision.verdict), *found]), pytrace=False)


EvaluateSuite = Callable[..., Evaluated]


@pytest.fixture(scope="session")
def evaluate_suite(tmp_path_factory: pytest.TempPathFactory) -> EvaluateSuite:
    """`evaluate_suite(file, workflow=None, repeat=4, concurrency=8, ids=())` plays a suite on a system of its own."""

    def evaluate(
        suite: Path | str,
        *,
        workflow: Path | str | None = None,
        repeat: int = 4,
        concurrency: int = 8,
        ids: Sequence[str] = (),
    ) -> Evaluated:
        import asyncio

        from hil.eval.evaluate import Extent, Where, evaluated
        from hil.eval.prepare import prepared
        from hil.eval.suite_file import chosen, load_suite

        loaded = load_suite(Path(suite), None if workflow is None else Path(workflow))
        ready = prepared(chosen(loaded, ids=ids, sample=None))
        where, extent = Where(tmp_path_factory.mktemp("hil-eval")), Extent(repeat, concurrency)
        evaluation = asyncio.run(evaluated(ready, where, extent, lambda case, trial: None, lambda notice: None))
        return Evaluated(loaded, ready.workflow, evaluation)

    return evaluate
