"""How does a demo run from the start of the system to the report?"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hil.demo.expected_state import state_dirs
from hil.demo.play import TENANT, Play
from hil.demo.prepare import Place, next_place, publish_workflow, wait_for_tools, workflow_source, write_servers_file
from hil.demo.report import open_board, print_addresses, print_report, write_summary
from hil.demo.verdict import Verdict
from hil.demo.wanted import Wanted
from hil.embedded.plan import OneProcessEach, StackPlan
from hil.embedded.stack import Stack, running_stack
from hil.outcome import bad_input
from hil.stop_signals import until_told_to_stop
from hil.up_notices import Terminal
from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow
from service_kit.connection import connected


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What to play, where, and what to do with the result."""

    wanted: Wanted
    data_dir: Path
    console: Console
    json_file: Path | None
    keep: bool

    def start(self) -> Sequence[Verdict]:
        """Play everything; SIGINT or SIGTERM stops the system cleanly, before the end with status 1."""
        return until_told_to_stop(self._run(), self.console)

    async def _run(self) -> list[Verdict]:
        wanted, place = self.wanted, next_place(self.data_dir)
        source, file_name = workflow_source(wanted.domain, wanted.domain_file)
        _check_workflow(source, file_name)
        state_dirs(wanted.domain, place.expected)  # Says before the start what could not be compared at the end.
        plan = StackPlan(
            data_dir=place.data_dir,
            layout=OneProcessEach(),
            model=wanted.model,
            environment={"TOOL_RUNNER_SERVERS_FILE": str(write_servers_file(wanted.domain, place))},
        )
        teller = Terminal(self.console, model=wanted.title)
        async with running_stack(plan, teller.notice) as stack:
            started = time.monotonic()
            verdicts = await self._play(stack, place, source, file_name=file_name)
            seconds = time.monotonic() - started
            title = f"{wanted.domain.name}: {len(verdicts)} tasks, {wanted.title}"
            print_report(self.console, verdicts, title=title, seconds=seconds)
            if self.json_file is not None:
                write_summary(self.json_file, verdicts)
            print_addresses(self.console, stack.endpoints, data_dir=place.data_dir)
            if self.keep:
                self.console.print("The system keeps running. Stop it with Ctrl-C.")
                await _wait_for_the_end(stack)
            else:
                self.console.print("Everything stops now: --keep leaves it running, --data-dir keeps its data.")
            return verdicts

    async def _play(self, stack: Stack, place: Place, source: bytes, *, file_name: str) -> list[Verdict]:
        wanted = self.wanted
        async with connected(stack.endpoints["nats"], service="client") as connection:
            workflow = await publish_workflow(connection, source, tenant=TENANT, file_name=file_name)
            await wait_for_tools(connection, wanted.domain)
            board = open_board(self.console, len(wanted.tasks))
            with board.progress:
                play = Play(connection, wanted.domain, place, workflow, board)
                return await play.all(wanted.tasks, concurrency=wanted.concurrency)


async def _wait_for_the_end(stack: Stack) -> None:
    """Until Ctrl-C, which here is the wanted end."""
    try:
        await stack.wait_until_failed()
    except asyncio.CancelledError:
        return


def _check_workflow(source: bytes, file_name: str) -> None:
    """Say what is wrong with the workflow before anything is started."""
    try:
        load_workflow(source, file_name=file_name)
    except WorkflowErrors as errors:
        raise bad_input(str(errors)) from errors
