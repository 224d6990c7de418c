"""`hil bench cache`: how often does the semantic cache answer, and how often wrongly?"""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from hil.outcome import CommandError, bad_input

if TYPE_CHECKING:
    from hil.bench.cache import CacheFigures

MIXED_UP_SHARE_MAX = 0.05
_NEVER_MIXED_UP = ("number", "name")


def cache(
    banking77: Annotated[Path | None, typer.Option(help="Folder with banking77's train.csv and test.csv.")] = None,
    file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Hits and false hits of the semantic cache; about 3 s. Status 1 where pairs are mixed up that must not be."""
    from hil.bench.cache import measure  # Takes a second to import, which no other command should wait for.

    if banking77 is not None and not all((banking77 / name).is_file() for name in ("train.csv", "test.csv")):
        raise bad_input(f"--banking77 {banking77}: train.csv and test.csv are not both there")
    if file is not None and not file.parent.is_dir():
        raise bad_input(f"--json {file}: the folder {file.parent} does not exist")
    figures = measure(banking77)
    if file is not None:
        file.write_text(json.dumps(dataclasses.asdict(figures), indent=1) + "\n")
    for table in (_hits(figures), _pairs(figures)):
        Console().print(table)
    if wrong := _wrong(figures):
        raise CommandError(wrong)


def _wrong(figures: "CacheFigures") -> str | None:
    rows = [row for row in figures.pairs if row.kind != "unseen"]
    mixed_up, pairs = sum(row.mixed_up for row in rows), sum(row.pairs for row in rows)
    if mixed_up > MIXED_UP_SHARE_MAX * pairs:
        return f"{mixed_up} of {pairs} pairs are mixed up, more than {MIXED_UP_SHARE_MAX:.0%}"
    worse = [row.kind for row in rows if row.kind in _NEVER_MIXED_UP and row.mixed_up]
    return f"pairs are mixed up that differ in a {' and a '.join(worse)}" if worse else None


def _hits(figures: "CacheFigures") -> Table:
    table = Table(
        title="hil bench cache",
        caption=f"Shipped: {figures.threshold}, with guards; {figures.embedder}. False of hits.",
    )
    table.add_column("questions", no_wrap=True)
    for name in ("at least", "guards", "probes", "hits", "hit", "false", "false %"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in figures.hits:
        false = f"{row.false_hits / row.hits:.1%}" if row.hits else ""
        cells = (str(row.probes), str(row.hits), f"{row.hits / row.probes:.1%}", str(row.false_hits), false)
        shipped = row.threshold == figures.threshold and row.guards == "yes"
        table.add_row(row.questions, f"{row.threshold:.2f}", row.guards, *cells, style="bold" if shipped else None)
    return table


def _pairs(figures: "CacheFigures") -> Table:
    table = Table(title="Pairs that need different answers", caption=f"Mixed up at {figures.threshold}.")
    table.add_column("they differ in", no_wrap=True)
    for name in ("pairs", "without guards", "mixed up"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in figures.pairs:
        cells = (str(row.pairs), str(row.mixed_up_without_guards), str(row.mixed_up))
        table.add_row(row.kind, *cells, style="bold red" if row.mixed_up else None)
    return table
