"""`hil eval run`: play every case of a suite several times, and keep what came of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.subjects import SubjectError, check_token
from hil.embedded.supervisor import Report
from hil.eval.evaluate import Extent, Where, evaluated
from hil.eval.junit import write_junit
from hil.eval.play import Told
from hil.eval.prepare import Prepared, prepared
from hil.eval.report import print_evaluation
from hil.eval.results import Evaluation, write_results
from hil.eval.suite_file import chosen, load_suite
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT
from hil.outcome import bad_input, unreachable
from hil.stop_signals import until_told_to_stop
from hil.up_notices import Terminal
from service_kit.errors import RetryLater

FILE_WIDTH = 120
"""Columns of the report in a file or pipe, which has no width of its own."""
SuiteFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="SUITE", help="A suite file (YAML).")]
WorkflowFile = Annotated[
    Path | None, typer.Option("--workflow", exists=True, dir_okay=False, help="This file instead of the suite's own.")
]
Repeat = Annotated[int, typer.Option(min=1, max=100, help="Independent trials of each case.")]
Concurrency = Annotated[int, typer.Option(min=1, max=200, help="Trials at once.")]
HistoryOf = Annotated[
    str, typer.Option("--tenant", envvar="HIL_TENANT", help="In whose history of evaluations it is told.")
]
Ids = Annotated[str, typer.Option(metavar="0,5,12", help="Only these cases.")]
Sample = Annotated[int | None, typer.Option(min=1, help="Only so many cases, evenly spread over the suite.")]


def run(
    suite: SuiteFile,
    *,
    workflow: WorkflowFile = None,
    repeat: Repeat = 4,
    concurrency: Concurrency = 8,
    ids: Ids = "",
    sample: Sample = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the results here.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write JUnit's XML here.")] = None,
    running: Annotated[
        bool, typer.Option("--running", help="On the system that runs in --data-dir; else one is started.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", "-d", envvar="HIL_DATA_DIR", file_okay=False, help="Of that system.")
    ] = None,
    tenant: HistoryOf = TENANT_DEFAULT,
) -> None:
    """Play every case REPEAT times, each trial as a new conversation whose answers come from no cache.

    Status 0 when everything was played, whatever came of it: `hil eval gate` judges. Status 2 for a suite or workflow
    that cannot be used.
    """
    console = report_console()
    ready = prepared(chosen(load_suite(suite, workflow), ids=listed(ids), sample=sample))
    here = data_dir or DATA_DIR_DEFAULT if running else data_dir
    with own_directory_for(here) as directory:
        where = Where(directory, history_of=checked_tenant(tenant) if running else None)
        evaluation = played(ready, where, Extent(repeat, concurrency), console)
    print_evaluation(console, evaluation)
    write_files(evaluation, json, junit)


def listed(ids: str) -> list[str]:
    """`0, 5` as it was meant."""
    return [id_.strip() for id_ in ids.split(",") if id_.strip()]


def write_files(evaluation: Evaluation, json: Path | None, junit: Path | None) -> None:
    """Those that were asked for."""
    if json is not None:
        write_results(json, evaluation)
    if junit is not None:
        write_junit(junit, evaluation)


def report_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def played(ready: Prepared, where: Where, extent: Extent, console: Console) -> Evaluation:
    """Play it, with a bar for a person."""
    trials = extent.repeats * len(ready.loaded.cases)
    if not console.is_terminal:
        console.print(f"playing {trials} trials of {len(ready.loaded.cases)} cases, {extent.concurrency} at once")
    try:
        with _board(console, trials) as told:
            return until_told_to_stop(evaluated(ready, where, extent, told, _quiet_report(console)), console)
    except RetryLater as error:
        raise unreachable(str(error)) from error


def checked_tenant(tenant: str) -> str:
    """The tenant itself; raises CommandError for one that cannot stand in a subject."""
    try:
        return check_token(tenant, what="tenant")
    except SubjectError as error:
        raise bad_input(str(error)) from error


def _quiet_report(console: Console) -> Report:
    """Starts are told to a person only."""
    return Terminal(console, model="").notice if console.is_terminal else lambda _: None


@contextmanager
def _board(console: Console, total: int) -> Iterator[Told]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("trials", total=total)
        yield lambda case, trial: progress.advance(bar)


@contextmanager
def own_directory_for(given: Path | None) -> Iterator[Path]:
    """The directory that was asked for, else a temporary one."""
    if given is not None:
        yield given
        return
    temporary = Path(tempfile.mkdtemp(prefix="hil-eval-"))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
