"""`hil sandbox …`: how does code that nobody trusts run on this machine, and does the sandbox hold here?"""

import asyncio
import json
import re
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.table import Table

from hil.outcome import CommandError, bad_input
from tool_runner.adapters.sandbox.opened import BACKENDS, SandboxOptions, findings, opened_sandbox
from tool_runner.adapters.sandbox.options_of import sandbox_options
from tool_runner.adapters.sandbox.self_attack import Finding
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable
from tool_runner.settings import Settings

CODE_BYTES_MAX = 1_000_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Shown, not sent: a terminal would do what they say (its title, its clipboard)."""
sandbox_app = typer.Typer(help="Run code in the sandbox, and see what it keeps out.", no_args_is_help=True)


class Backend(StrEnum):
    """What closes the box."""

    BUBBLEWRAP = "bubblewrap"
    GVISOR = "gvisor"
    KUBERNETES = "kubernetes"


ChosenBackend = Annotated[Backend, typer.Option("--backend", help="What closes the box.")]


@sandbox_app.callback()
def sandbox() -> None:
    """Run code in the sandbox, and see what it keeps out."""


@sandbox_app.command("run")
def run(
    file: Annotated[Path, typer.Argument(help="Python file to run.")],
    backend: ChosenBackend = Backend.BUBBLEWRAP,
    as_json: Annotated[bool, typer.Option("--json", help="Print how it ended as JSON.")] = False,
) -> None:
    """Run a Python file under the limits that models' code gets: no network, no files, 512 MB, half a core, 10 s.

    Exit status: 0 when it could be run, however it ended (with --json); without --json that of the file."""
    ended = asyncio.run(_executed(_code_of(file), backend))
    if as_json:
        shown = ("tier", "exit_code", "stdout", "timed_out", "killed_by", "wall_ms")
        print(json.dumps({name: getattr(ended, name) for name in shown}))
        return
    sys.stdout.write(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", ended.stdout))
    if ended.killed_by is not None:
        print(f"hil: ended by the limit of {ended.killed_by} after {ended.wall_ms:.0f} ms", file=sys.stderr)
    raise typer.Exit(ended.exit_code)


def _code_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(CODE_BYTES_MAX + 1)
    except OSError as error:
        raise bad_input(f"{file}: {error.strerror}") from error
    if len(content) > CODE_BYTES_MAX:
        raise bad_input(f"{file}: larger than {CODE_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_input(f"{file}: not UTF-8 at byte {error.start}") from error


async def _executed(code: str, backend: Backend) -> SandboxResult:
    try:
        async with opened_sandbox(options(backend)) as opened:
            return await opened.execute(code, None, SandboxLimits())
    except SandboxUnavailable as error:
        raise CommandError(str(error)) from error


def options(backend: Backend) -> SandboxOptions:
    """As the environment sets up the tool runner, but one piece of code at a time and nothing kept warm."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_input(f"TOOL_RUNNER_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}") from error
    return replace(sandbox_options(settings), backend=backend.value, slots=1, warm=0)


@sandbox_app.command("check")
def check(
    backend: ChosenBackend = Backend.BUBBLEWRAP,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Attack the sandbox as the tool runner does before it runs code, and show what held.

    Exit status: 0 when all of it held, 1 otherwise: then no code runs on this machine."""
    try:
        found = asyncio.run(findings(options(backend)))
    except SandboxUnavailable as error:
        raise CommandError(str(error)) from error
    if as_json:
        print(json.dumps([{"attack": finding.attack, "through": finding.through} for finding in found]))
    else:
        Console().print(_page(found, backend))
    through = [finding.attack for finding in found if finding.through]
    if through:
        raise CommandError(f"the sandbox does not hold on this machine: {', '.join(through)}")


def _page(found: list[Finding], backend: Backend) -> Table:
    table = Table(title=f"Sandbox of tier {BACKENDS[backend]} ({backend})", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("attack")
    table.add_column("", no_wrap=True)
    table.add_column("what got through", overflow="fold")
    for finding in found:
        verdict = "[red]NO[/red]" if finding.through else "[green]held[/green]"
        table.add_row(finding.attack.replace("_", " "), verdict, finding.through)
    return table
