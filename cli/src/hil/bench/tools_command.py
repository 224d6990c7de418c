"""`hil bench tools`: what does a tool call take?"""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hil.bench.gateway_commands import File, check_folder
from hil.outcome import CommandError


def tools(
    calls: Annotated[int, typer.Option(min=100, max=100_000, help="Calls of each measurement.")] = 3_000,
    file: File = None,
) -> None:
    """CPU and time of a tool call in the tool runner, beside the MCP SDK's own; and of the sandbox; about 40 s."""
    from hil.bench.tools import ToolsBench
    from tool_runner.domain.sandbox import SandboxUnavailable

    check_folder(file)
    status = Console(stderr=True).status("calling tools …")
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, status:
        try:
            figures = dataclasses.asdict(ToolsBench(Path(directory), calls).figures())
        except SandboxUnavailable as error:  # No figure is left out unseen.
            raise CommandError(f"the sandbox cannot be measured: {error}") from error
    if file is not None:
        file.write_text(json.dumps(figures, indent=1) + "\n")
    table = Table("figure", "value", title="hil bench tools", box=SIMPLE_HEAD)
    for name, value in figures.items():
        table.add_row(name, f"{value:,.2f}")
    Console().print(table)
