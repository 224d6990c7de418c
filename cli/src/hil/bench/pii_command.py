"""`hil bench pii` as a command: which figures are printed?"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hil.bench.gateway_commands import check_folder


def pii(
    file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """CPU of masking a thousand characters, and how much personal data is found; about 3 s."""
    from hil.bench.pii_scan import cost_rows, figures, quality_rows

    check_folder(file)
    rows, found = cost_rows(), quality_rows()
    written = figures(rows, found)
    if file is not None:
        file.write_text(json.dumps(written, indent=1) + "\n")
    costs = Table("text", "ms/kB", "again", "floor", box=SIMPLE_HEAD, title="CPU of masking")
    for row in rows:
        costs.add_row(row.name, *(f"{ms:.3f}" for ms in (row.ms_per_kb, row.again_ms_per_kb, row.floor_ms_per_kb)))
    kinds = Table("kind", "values", "recall", "with stated gaps", "precision", box=SIMPLE_HEAD, title="What is found")
    for kind, score in found.items():
        shares = (score.recall, score.recall_with_gaps, score.precision)
        kinds.add_row(kind, str(score.expected + score.gaps), *(f"{share:.2f}" for share in shares))
    console = Console()
    console.print(costs, kinds)
    console.print(f"look-alikes in which something is found: {written['false_share_of_look_alikes']:.1%}")
    console.print("again: a text that was searched before. floor: one plain pattern, which decides nothing.")
