"""`hil demo`: play a domain's customers against the whole system, and check what became of each."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hil.demo.wanted import wanted_of
from hil.domain_file import shipped_domain
from hil.replay_model.faults import Fault

_FILE_WIDTH = 120
"""Columns of the report in a file or pipe, which has no width of its own."""


def demo(
    *,
    domain: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A domain file; the retail shop if none.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, test or all.")] = "train",
    ids: Annotated[str, typer.Option(metavar="0,5,12", help="Only these tasks.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=200, help="Customers at once.")] = 8,
    json: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the report here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running until Ctrl-C.")] = False,
    fault: Annotated[Fault | None, typer.Option(help="Play some tasks wrongly: the check must find them.")] = None,
    fault_ids: Annotated[str, typer.Option(metavar="0,5", help="Tasks to be played wrongly.")] = "",
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", "-d", file_okay=False, help="A fresh temporary one if none.")
    ] = None,
) -> None:
    """Start everything, play τ²-bench tasks as customers over the bus, and check database, calls, sink and reply.

    Without an API key the model is the replay model: that proves the platform, not the intelligence of a model.
    Exit status 1 if any task fails.
    """
    from hil.demo.run import DemoRun

    faults = (fault, fault_ids)
    wanted = wanted_of(domain or shipped_domain("retail"), split, ids, concurrency=concurrency, faults=faults)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    with _directory(data_dir, console) as directory:
        verdicts = DemoRun(wanted, directory, console, json, keep).start()
        if not all(verdict.passed for verdict in verdicts):
            raise typer.Exit(1)


@contextmanager
def _directory(data_dir: Path | None, console: Console) -> Iterator[Path]:
    """The directory that was asked for, else a temporary one, kept only when something went wrong."""
    if data_dir is not None:
        yield data_dir
        return
    temporary = Path(tempfile.mkdtemp(prefix="hil-demo-"))
    try:
        yield temporary
    except BaseException:
        console.print(f"What happened is in {temporary}", highlight=False)
        raise
    shutil.rmtree(temporary, ignore_errors=True)
