"""`hil bench analytics`: how many events a second are counted, and how fast are questions over many executions?"""

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


def analytics(
    events: Annotated[int, typer.Option(min=1_000, max=5_000_000, help="Messages to count.")] = 200_000,
    executions: Annotated[int, typer.Option(min=1_000, max=5_000_000, help="In the store for the questions.")] = (
        1_000_000
    ),
    file: File = None,
) -> None:
    """Counting of a log, exactness, and questions to a full store, on servers of its own; filling takes 30 minutes."""
    from hil.bench.analytics import AnalyticsBench

    check_folder(file)
    status = Console(stderr=True).status("counting, filling, asking …")
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, status:
        figures = dataclasses.asdict(AnalyticsBench(Path(directory), events, executions).figures())
    if file is not None:
        file.write_text(json.dumps(figures, indent=1) + "\n")
    asked = figures.pop("queries")
    table = Table("figure", "value", title="hil bench analytics", box=SIMPLE_HEAD)
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4f}" if name == "percentile_error" else f"{value:,.2f}")
    queries = Table("question", "of", "first ms", "p50 ms", "p95 ms", title="questions", box=SIMPLE_HEAD)
    for name, timed in sorted(asked.items(), key=lambda one: -one[1]["p95_ms"]):
        asker = "a dashboard" if timed["is_of_page"] else "an analyst"
        queries.add_row(name, asker, *(f"{timed[part]:,.1f}" for part in ("first_ms", "p50_ms", "p95_ms")))
    Console().print(table, queries)
