"""What does a person see of an evaluation, and what of the gate's decision?"""

from collections import Counter
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hil.eval.figures import figures_of
from hil.eval.gate import Decision, Verdict
from hil.eval.results import CaseResult, Evaluation
from hil.report.figure_text import unit_of, written

FAILED_SHOWN_MAX = 20
HOW_ANSWERED: Mapping[bool | None, str] = {
    True: "replayed: no model was asked",
    False: "answered by a provider's model",
    None: "no answer of a model in it",
}


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """The figures, and the cases that failed."""
    label = HOW_ANSWERED[evaluation.is_replayed]
    trials = sum(len(case.trials) for case in evaluation.cases)
    title = (
        f"{evaluation.suite}: {evaluation.workflow} {evaluation.version}, {len(evaluation.cases)} cases, "
        f"{trials} trials, {label}"
    )
    console.print(escape(title), highlight=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    for name, value in figures_of([case.trials for case in evaluation.cases]).items():
        table.add_row(name, written(value, unit_of(name)))
    console.print(table)
    if grading := sum(trial.grading_microdollars for case in evaluation.cases for trial in case.trials):
        console.print(f"graded by a model for ${grading / 1e6:.6f} more", highlight=False)
    failed = [case for case in evaluation.cases if case.tally[0] < case.tally[1]]
    for case in failed[:FAILED_SHOWN_MAX]:
        console.print(f"[red]✗[/] {escape(_line(case))}", highlight=False, soft_wrap=True)
    if len(failed) > FAILED_SHOWN_MAX:
        console.print(f"and {len(failed) - FAILED_SHOWN_MAX} more cases that failed")


def print_decision(console: Console, decision: Decision, *, baseline: str) -> None:
    """Everything that stands in the way, and what limits the comparison."""
    for mark, findings in (("[red]✗[/]", decision.regressions), ("[yellow]?[/]", decision.unproven)):
        for finding in findings:
            console.print(f"{mark} {escape(finding.text)}", highlight=False, soft_wrap=True)
    for note in decision.notes:
        console.print(f"[dim]· {escape(note)}[/]", highlight=False, soft_wrap=True)
    says: Mapping[Verdict, str] = {
        Verdict.PASSED: f"[green]✓ passed[/]: no worse than {escape(baseline)}, and every promise is kept",
        Verdict.REGRESSED: f"[red]✗ stopped[/]: {len(decision.regressions)} regressions against {escape(baseline)}",
        Verdict.NOT_ENOUGH_TRIALS: "[yellow]? not decided[/]: there are not enough trials to tell",
    }
    console.print(says[decision.verdict], highlight=False, soft_wrap=True)


def why_failed(case: CaseResult) -> list[str]:
    """What its trials failed for, the most frequent first."""
    found = Counter(f"{failure.kind}: {failure.detail}" for trial in case.trials for failure in trial.failures)
    return [f"{text} (×{count})" if count > 1 else text for text, count in found.most_common()]


def _line(case: CaseResult) -> str:
    passed, trials = case.tally
    return f"case {case.id}: {passed} of {trials} passed; {'; '.join(why_failed(case)[:5])}"
