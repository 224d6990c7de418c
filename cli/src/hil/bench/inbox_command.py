"""`hil bench inbox`: what do claims, the list and the feed of the inbox take, and do they lose anything?"""

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


def inbox(
    handovers: Annotated[int, typer.Option(min=10, max=100_000, help="Handovers; two race for each.")] = (5_000),
    rows: Annotated[int, typer.Option(min=100, max=1_000_000, help="Rows of the list.")] = 50_000,
    subscribers: Annotated[int, typer.Option(min=6, max=900, help="Subscribers of the feed.")] = 200,
    events: Annotated[int, typer.Option(min=10, max=40_000, help="Messages that they follow.")] = 10_000,
    file: File = None,
) -> None:
    """Claims, list and feed of the inbox on a store and a server of its own, with clocks of hours so that none runs
    out meanwhile; some minutes."""
    from hil.bench.inbox import InboxBench

    check_folder(file)
    status = Console(stderr=True).status("racing for claims, listing, following …")
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, status:
        figures = dataclasses.asdict(InboxBench(Path(directory), handovers, rows, subscribers, events).figures())
    if file is not None:
        file.write_text(json.dumps(figures, indent=1) + "\n")
    table = Table("figure", "value", title="hil bench inbox", box=SIMPLE_HEAD)
    for name, value in figures.items():
        table.add_row(name, f"{value:,.2f}")
    Console().print(table)
