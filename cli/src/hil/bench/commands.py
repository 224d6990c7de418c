"""`hil bench …`: which measurements are there?"""

import dataclasses
import json
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hil.bench.analytics_command import analytics
from hil.bench.cache_command import cache
from hil.bench.gateway_commands import budget, gateway
from hil.bench.inbox_command import inbox
from hil.bench.pii_command import pii
from hil.bench.routing_command import routing
from hil.bench.tools_command import tools
from hil.outcome import bad_input

bench = typer.Typer(help="Measure on servers of its own, beside a floor or a peer.", no_args_is_help=True)


class Sync(StrEnum):
    """When the server writes through to the disk."""

    TWO_MINUTES = "2m"
    ALWAYS = "always"


@bench.callback()
def measure() -> None:
    """Measure on servers of its own, beside a floor or a peer."""


@bench.command("core")
def core(
    executions: Annotated[int, typer.Option(min=1, max=1_000_000, help="Executions to measure.")] = 4_000,
    concurrency: Annotated[int, typer.Option(min=1, max=2_000, help="Executions in flight.")] = 200,
    nodes: Annotated[int, typer.Option(min=1, max=50, help="Nodes in a row.")] = 3,
    sync: Annotated[Sync, typer.Option(help="2m is the server's default; always is fsync on every write.")] = Sync(
        "2m"
    ),
    file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Executions a second through orchestrator, log and a no-op worker, beside bare messages; about 20 s."""
    from hil.bench.core import CoreBench  # Takes a second to import, which no other command should wait for.

    if file is not None and not file.parent.is_dir():
        raise bad_input(f"--json {file}: the folder {file.parent} does not exist")
    status = Console(stderr=True).status("measuring the floor, then the core …")
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, status:
        figures = dataclasses.asdict(CoreBench(Path(directory), executions, concurrency, nodes, sync.value).figures())
    if file is not None:
        file.write_text(json.dumps(figures, indent=1) + "\n")
    table = Table("figure", "value", title="hil bench core")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else str(value))
    Console().print(table)


bench.command("gateway")(gateway)
bench.command("budget")(budget)
bench.command("routing")(routing)
bench.command("cache")(cache)
bench.command("pii")(pii)
bench.command("tools")(tools)
bench.command("inbox")(inbox)
bench.command("analytics")(analytics)
