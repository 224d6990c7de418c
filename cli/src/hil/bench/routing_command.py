"""`hil bench routing`: what does routing save?"""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from hil.bench.gateway_commands import File, check_folder
from hil.outcome import CommandError

if TYPE_CHECKING:
    from hil.bench.routing import RoutingFigures


def routing(file: File = None) -> None:
    """Token cost of the shipped suites and retail tasks as routed, beside the best model for all; about 60 s."""
    from hil.bench.routing import ASSUMED, COMPARE_WITH_PERCENT, measure
    from hil.bench.routing_cost import NotComparable

    check_folder(file)
    try:
        waiting = Console(stderr=True).status("starting the system …")
        with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, waiting as status:
            figures = measure(Path(directory), status.update)
    except NotComparable as error:
        raise CommandError(str(error)) from error
    if file is not None:
        file.write_text(json.dumps(figures.as_json(), indent=1) + "\n")
    Console().print(_table(figures))
    typer.echo(f"To compare with: {COMPARE_WITH_PERCENT:g} % saved. Assumed:")
    for text in ASSUMED:
        typer.echo(f"- {text}")
    if figures.elsewhere:
        raise CommandError(f"did not end where expected: {'; '.join(figures.elsewhere)}")


def _table(figures: "RoutingFigures") -> Table:
    calls = ", ".join(f"{name} {count}" for name, count in sorted(figures.profiles.items()))
    caption = f"{figures.conversations} conversations; in and out are tokens; best: all by `powerful`. Calls: {calls}."
    table = Table(title="hil bench routing", caption=caption)
    table.add_column("workflow", no_wrap=True)
    for name in ("calls", "in", "out", "routed $", "best $", "saved %"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures.workflows:
        counts = (one.completions, one.tokens_input, one.tokens_output)
        money = (one.routed_microdollars, one.powerful_microdollars)
        cells = (*(f"{count:,}" for count in counts), *(f"{amount / 1e6:.4f}" for amount in money))
        table.add_row(one.workflow or "all", *cells, f"{one.saved_percent:.1f}")
    return table
