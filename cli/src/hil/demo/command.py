"""`hil demo`: play a domain's customers against the whole system, and check what became of each."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hil.demo.play import TENANT, Play
from hil.demo.prepare import (
    Place,
    next_place,
    publish_workflow,
    wait_for_tools,
    workflow_source,
    write_servers_file,
)
from hil.demo.report import Board, open_board, print_addresses, print_report, write_summary
from hil.demo.verdict import Verdict
from hil.domain_file import Domain, DomainError, Task, load_domain, shipped_domain
from hil.embedded.plan import OneProcessEach, ReplayModel, StackPlan
from hil.embedded.stack import Stack, running_stack
from hil.outcome import bad_input
from hil.provider import has_provider
from hil.replay_model import Fault
from hil.up_notices import Terminal
from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow
from service_kit.connection import connected

REPLAYED = "replayed: no model was asked"
REAL = "answered by the provider of your settings"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be played."""

    domain: Domain
    domain_file: Path
    tasks: Sequence[Task]
    concurrency: int
    model: ReplayModel | None
    title: str


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
    wanted = _wanted(domain or shipped_domain("retail"), split, ids, concurrency=concurrency, faults=(fault, fault_ids))
    console = Console()
    with _directory(data_dir, console) as directory:
        verdicts = asyncio.run(_until_told_to_stop(_Run(wanted, next_place(directory), console, json, keep)))
        if not all(verdict.passed for verdict in verdicts):
            raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Run:
    wanted: Wanted
    place: Place
    console: Console
    json_file: Path | None
    keep: bool

    async def run(self) -> list[Verdict]:
        wanted = self.wanted
        source, file_name = workflow_source(wanted.domain, wanted.domain_file)
        _check_workflow(source, file_name)
        plan = StackPlan(
            data_dir=self.place.data_dir,
            layout=OneProcessEach(),
            model=wanted.model,
            environment={"TOOL_RUNNER_SERVERS_FILE": str(write_servers_file(wanted.domain, self.place))},
        )
        teller = Terminal(self.console, model=wanted.title)
        async with running_stack(plan, teller.notice) as stack:
            started = time.monotonic()
            verdicts = await self._play(stack, source, file_name)
            seconds = time.monotonic() - started
            title = f"{wanted.domain.name}: {len(verdicts)} tasks, {wanted.title}"
            print_report(self.console, verdicts, title=title, seconds=seconds)
            if self.json_file is not None:
                write_summary(self.json_file, verdicts)
            print_addresses(self.console, stack.endpoints, data_dir=self.place.data_dir)
            if self.keep:
                self.console.print("The system keeps running. Stop it with Ctrl-C.")
                await _wait_for_the_end(stack)
            return verdicts

    async def _play(self, stack: Stack, source: bytes, file_name: str) -> list[Verdict]:
        wanted = self.wanted
        async with connected(stack.endpoints["nats"], service="client") as connection:
            workflow = await publish_workflow(connection, source, tenant=TENANT, file_name=file_name)
            await wait_for_tools(connection, wanted.domain)
            board: Board = open_board(self.console, len(wanted.tasks))
            with board.progress:
                play = Play(connection, wanted.domain, self.place, workflow, board)
                return await play.all(wanted.tasks, concurrency=wanted.concurrency)


async def _until_told_to_stop(run: _Run) -> list[Verdict]:
    """Run to the end; SIGINT or SIGTERM stops the system cleanly, before the end with status 1."""
    playing = asyncio.create_task(run.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        return await playing
    except asyncio.CancelledError:
        run.console.print("Stopped before the end.")
        raise typer.Exit(1) from None


async def _wait_for_the_end(stack: Stack) -> None:
    """Until Ctrl-C, which here is the wanted end."""
    try:
        await stack.wait_until_failed()
    except asyncio.CancelledError:
        return


def _wanted(domain_file: Path, split: str, ids: str, *, concurrency: int, faults: tuple[Fault | None, str]) -> Wanted:
    fault, fault_ids = faults
    if (fault is None) != (not fault_ids):
        raise bad_input("--fault and --fault-ids belong together")
    try:
        domain = load_domain(domain_file)
        tasks = [domain.task(task_id) for task_id in _listed(ids)] if ids else domain.tasks_of(split)
        wrong = [domain.task(task_id).id for task_id in _listed(fault_ids)]
    except DomainError as error:
        raise bad_input(str(error)) from error
    if has_provider() and fault is None:
        return Wanted(domain, domain_file, tasks, concurrency, None, REAL)
    arguments = () if fault is None else ("--fault", fault.value, "--fault-ids", ",".join(wrong))
    return Wanted(domain, domain_file, tasks, concurrency, ReplayModel(domain_file, arguments), REPLAYED)


def _listed(ids: str) -> list[str]:
    return list(dict.fromkeys(task_id.strip() for task_id in ids.split(",") if task_id.strip()))


def _check_workflow(source: bytes, file_name: str) -> None:
    """Say what is wrong with the workflow before anything is started."""
    try:
        load_workflow(source, file_name=file_name)
    except WorkflowErrors as errors:
        raise bad_input(str(errors)) from errors


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
