"""`hil eval bless`, `gate` and `publish`: what is good enough, is this, and who is told?"""

from pathlib import Path
from typing import Annotated

import typer

from hil.eval.evaluate import Extent, Where
from hil.eval.gate import Decision, Verdict, decide
from hil.eval.prepare import Prepared, prepared
from hil.eval.publish import publish_evaluation
from hil.eval.report import print_decision, print_evaluation
from hil.eval.results import Evaluation, read_results, write_results
from hil.eval.run_command import (
    Concurrency,
    HistoryOf,
    Ids,
    Repeat,
    Sample,
    SuiteFile,
    WorkflowFile,
    checked_tenant,
    listed,
    own_directory_for,
    played,
    report_console,
    write_files,
)
from hil.eval.suite_file import LoadedSuite, chosen, load_suite
from hil.key_log import with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, DataDir
from hil.outcome import bad_input

STATUS = {Verdict.PASSED: 0, Verdict.REGRESSED: 1, Verdict.NOT_ENOUGH_TRIALS: 2}
ResultsFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Results of `hil eval run --json`.")]


def bless(
    results: ResultsFile,
    *,
    baseline: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="The baseline, kept in the repository.")
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Who blesses it, and why: kept in the file.")],
) -> None:
    """Make results the baseline that later evaluations are held to. Nothing else ever changes a baseline."""
    if not reason.strip() or len(reason) > 500:
        raise bad_input("--reason: 1 to 500 characters that say who blesses it, and why")
    evaluation = read_results(results)
    if not evaluation.cases or any(not case.trials for case in evaluation.cases):
        raise bad_input(f"{results}: has no trials of {'some cases' if evaluation.cases else 'any case'}")
    write_results(baseline, evaluation.model_copy(update={"blessed": reason.strip()}))
    passed = sum(case.tally[0] for case in evaluation.cases)
    trials = sum(case.tally[1] for case in evaluation.cases)
    what = f"{evaluation.workflow} {evaluation.version} on {evaluation.suite}"
    print(f"{baseline}: {what}, {passed} of {trials} trials passed")


def gate(
    suite: SuiteFile,
    *,
    baseline: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="What `hil eval bless` wrote.")],
    results: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Judge these instead of playing the suite.")
    ] = None,
    workflow: WorkflowFile = None,
    repeat: Repeat = 4,
    concurrency: Concurrency = 8,
    ids: Ids = "",
    sample: Sample = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the results here.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write JUnit's XML here.")] = None,
    tell: Annotated[
        Path | None, typer.Option("--publish", metavar="DATA_DIR", help="Tell the system that runs there.")
    ] = None,
    tenant: HistoryOf = TENANT_DEFAULT,
) -> None:
    """Play a suite and hold it to a baseline, with a tolerance for each metric, and to the workflow's own promises.

    Status 0: no worse. Status 1: worse, and every regression is listed. Status 2: not enough trials to tell, or wrong
    usage.
    """
    console = report_console()
    checked_tenant(tenant)
    held_to = blessed(baseline)
    loaded = load_suite(suite, workflow)
    check_baseline(loaded, held_to, baseline)
    ready = prepared(chosen(loaded, ids=listed(ids), sample=sample))
    if results is None:
        with own_directory_for(None) as directory:
            evaluation = played(ready, Where(directory), Extent(repeat, concurrency), console)
    else:
        if ids or sample is not None:
            raise bad_input("--results: is judged whole; --ids and --sample choose what is played")
        evaluation = read_results(results)
        check_results(ready, evaluation, results)
    check_sort(held_to, evaluation, baseline)
    decision = decide(held_to, evaluation, loaded.suite.gate, ready.workflow.slos)
    print_evaluation(console, evaluation)
    print_decision(console, decision, baseline=str(baseline))
    write_files(evaluation, json, junit)
    if tell is not None:
        _publish(tell, evaluation, decision, baseline=held_to.id, tenant=tenant)
    if status := STATUS[decision.verdict]:
        raise typer.Exit(status)


def publish_results(
    results: ResultsFile,
    *,
    tenant: HistoryOf = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Tell a running system of an evaluation that was played elsewhere, for its history in analytics."""
    checked_tenant(tenant)
    evaluation = read_results(results)
    sequence = _publish(data_dir, evaluation, None, baseline=None, tenant=tenant)
    print(f"{evaluation.id} is published as {sequence}")


def _publish(
    data_dir: Path, evaluation: Evaluation, decision: Decision | None, *, baseline: str | None, tenant: str
) -> int:
    return with_bus(
        data_dir,
        lambda connection: publish_evaluation(connection, evaluation, decision, baseline=baseline, tenant=tenant),
    )


def blessed(file: Path) -> Evaluation:
    """A baseline that nobody has blessed is none."""
    found = read_results(file)
    if found.blessed is None:
        raise bad_input(f"{file}: nobody has blessed it; `hil eval bless {file} --baseline FILE` makes a baseline")
    return found


def check_baseline(loaded: LoadedSuite, baseline: Evaluation, file: Path) -> None:
    """A case that somebody took out of the suite would be missed by nobody."""
    for what, held_to, is_now in (
        ("suite", baseline.suite, loaded.name),
        ("workflow", baseline.workflow, loaded.suite.workflow),
    ):
        if held_to != is_now:
            raise bad_input(f"{file}: is about the {what} {held_to}, not {is_now}")
    known = {case.id for case in loaded.cases}
    if gone := [case.id for case in baseline.cases if case.id not in known]:
        named = ", ".join(gone[:10])
        raise bad_input(f"{file}: {len(gone)} of its cases are not in {loaded.name} any more ({named}): bless anew")


def check_results(ready: Prepared, evaluation: Evaluation, file: Path) -> None:
    """Yesterday's results say nothing of what was changed today."""
    loaded = ready.loaded
    for what, was, is_now in (
        ("suite", evaluation.suite, loaded.name),
        ("workflow", evaluation.workflow, loaded.suite.workflow),
        ("content of the workflow", evaluation.content_hash, ready.workflow.content_hash),
        ("content of the suite", evaluation.suite_hash, loaded.suite_hash),
    ):
        if was != is_now:
            raise bad_input(f"{file}: is about the {what} {was[:64]}, not {is_now[:64]}: play it again")


def check_sort(baseline: Evaluation, now: Evaluation, file: Path) -> None:
    """What a replayed model answers says nothing of a real one; where none was asked there is nothing to mix up."""
    before, after = baseline.is_replayed, now.is_replayed
    if before is not None and after is not None and before != after:
        told = {True: "replayed", False: "answered by a provider's model"}
        raise bad_input(f"{file}: was {told[before]}, these results were {told[after]}: bless one of the same sort")
