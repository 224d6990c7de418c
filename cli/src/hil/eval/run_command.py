"""`hil eval run`: play every case of a suite several times, and keep what came of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hil.embedded.supervisor import Report
from hil.eval.evaluate import evaluate, own_system, running_system
from hil.eval.junit import write_junit
from hil.eval.play import Told
from hil.eval.prepare import Prepared, prepared
from hil.eval.publish import publish_evaluation
from hil.eval.report import print_evaluation
from hil.eval.results import Evaluation, write_results
from hil.eval.suite_file import chosen, load_suite
from hil.options import DATA_DIR_DEFAULT
from hil.stop_signals import until_told_to_stop
from hil.up_notices import Terminal

FILE_WIDTH = 120
"""Columns of the report in a file or pipe, which has no width of its own."""
SuiteFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="SUITE", help="A suite file (YAML).")]
WorkflowFile = Annotated[
    Path | None, typer.Option("--workflow", exists=True, dir_okay=False, help="This file instead of the suite's own.")
]
Repeat = Annotated[int, typer.Option(min=1, max=100, help="Independent trials of each case.")]
Concurrency = Annotated[int, typer.Option(min=1, max=200, help="Trials at once.")]
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
) -> None:
    """Play every case REPEAT times, each trial as a new conversation whose answers come from no cache.

    Status 0 when everything was played, whatever came of it: `hil eval gate` judges. Status 2 for a suite or workflow
    that cannot be used.
    """
    console = report_console()
    wanted = [id_.strip() for id_ in ids.split(",") if id_.strip()]
    ready = prepared(chosen(load_suite(suite, workflow), ids=wanted, sample=sample))
    extent = Extent(repeat, concurrency)
    here = data_dir or DATA_DIR_DEFAULT if running else data_dir
    with own_directory_for(here) as directory:
        evaluation = played(ready, extent, directory, console, is_running=running)
    print_evaluation(console, evaluation)
    if json is not None:
        write_results(json, evaluation)
    if junit is not None:
        write_junit(junit, evaluation)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is played."""

    repeats: int
    concurrency: int


def report_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def played(ready: Prepared, extent: Extent, directory: Path, console: Console, *, is_running: bool) -> Evaluation:
    """Play it on a system of its own in the directory, or on the one that runs there, which is told of it."""
    total = extent.repeats * len(ready.loaded.cases)

    async def play() -> Evaluation:
        report = _quiet_report(console)
        opened = running_system(ready, directory) if is_running else own_system(ready, directory, report)
        async with opened as system:
            with _board(console, total) as told:
                evaluation = await evaluate(ready, system, told, repeats=extent.repeats, concurrency=extent.concurrency)
            if is_running:
                await publish_evaluation(system.connection, evaluation)
            return evaluation

    return until_told_to_stop(play(), console)


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
