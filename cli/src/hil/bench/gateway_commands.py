"""`hil bench gateway` and `hil bench budget`: what does the gateway cost, and what does it let through?"""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hil.outcome import CommandError, bad_input

if TYPE_CHECKING:
    from hil.bench.budget import BudgetRow
    from hil.bench.gateway import GatewayRow

File = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]


def gateway(
    seconds: Annotated[float, typer.Option(min=0.2, max=120, help="How long each load lasts.")] = 2.0,
    concurrency: Annotated[str, typer.Option(help="Requests in flight, separated by commas.")] = "1,32,128",
    rounds: Annotated[int, typer.Option(min=1, max=99, help="Loads of each; the median counts.")] = 3,
    file: File = None,
) -> None:
    """CPU and time of a chat call through the gateway, beside a pass-through and no gateway; about 100 s."""
    from hil.bench.gateway import GatewayBench, pii_scan_us

    concurrencies = _concurrencies(concurrency)
    check_folder(file)
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory:
        bench = GatewayBench(Path(directory), concurrencies, seconds, rounds)
        with Console(stderr=True).status("starting servers …") as status:
            rows = bench.measure(
                lambda row: status.update(f"{row.name} at {row.concurrency}: {row.rps:,.0f} requests/s")
            )
    scan = pii_scan_us()
    if file is not None:
        figures = {"pinned": bench.pinned, "pii_scan_us": scan, "rows": [dataclasses.asdict(row) for row in rows]}
        file.write_text(json.dumps(figures, indent=1) + "\n")
    Console().print(_gateway_table(rows))
    print(f"Masking one prompt of the load (1 kB) takes {scan:,.0f} µs of CPU; it is part of `gateway`.")
    if not bench.pinned:
        print("This machine gives one core only: gateway and load share it, so requests/s say little; CPU is right.")
    wrong = [row for row in rows if row.errors]
    if wrong:
        first = wrong[0]
        raise CommandError(f"{first.name} at {first.concurrency}: {first.errors} errors, first: {first.first_error}")


def budget(
    form: Annotated[str, typer.Option(help="short: answers after 0.4 s; full: after 1 s.")] = "full",
    file: File = None,
) -> None:
    """What reaches a provider over a budget's worth, while things break; about 40 s. Status 1 on any overspend."""
    from hil.bench.budget import Form, measure

    if form not in tuple(Form):
        raise bad_input(f"--form {form}: use one of {', '.join(Form)}")
    check_folder(file)
    status = Console(stderr=True).status("600 callers at a time on budgets worth a few calls …")
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as directory, status:
        rows = measure(Path(directory), Form(form))
    violations = [f"{row.scenario}: {text}" for row in rows for text in row.violations]
    if file is not None:
        figures = {"rows": [dataclasses.asdict(row) for row in rows], "violations": len(violations)}
        file.write_text(json.dumps(figures, indent=1) + "\n")
    Console().print(_budget_table(rows))
    if violations:
        raise CommandError("; ".join(violations))


def check_folder(file: Path | None) -> None:
    """Refuse a file that cannot be written before anything is measured."""
    if file is not None and not file.parent.is_dir():
        raise bad_input(f"--json {file}: the folder {file.parent} does not exist")


def _concurrencies(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(one) for one in text.split(","))
    except ValueError:
        raise bad_input(f"--concurrency {text}: must be whole numbers separated by commas") from None
    if not all(1 <= one <= 1_000 for one in found):
        raise bad_input(f"--concurrency {text}: each must be from 1 to 1000")
    return found


def _gateway_table(rows: "list[GatewayRow]") -> Table:
    table = Table(
        title="hil bench gateway",
        box=SIMPLE_HEAD,
        caption="n calls at once; p50 and p99 in ms; µs of CPU a call of what is measured",
    )
    table.add_column("name", no_wrap=True)
    for name in ("n", "calls/s", "p50", "p99", "µs", "ratio", "wrong"):
        table.add_column(name, justify="right", no_wrap=True)
    floor = {row.concurrency: row.cpu_us for row in rows if row.name == "passthrough"}
    for row in rows:
        base = floor.get(row.concurrency)
        ratio = f"{row.cpu_us / base:.1f}" if base and row.name.startswith("gateway") else ""
        cells = (f"{row.rps:,.0f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.cpu_us:,.0f}", ratio)
        table.add_row(row.name, str(row.concurrency), *cells, str(row.errors or ""))
    return table


def _budget_table(rows: "list[BudgetRow]") -> Table:
    table = Table(
        title="hil bench budget", box=SIMPLE_HEAD, caption="Money in micro-dollars; spent is what the books say."
    )
    table.add_column("scenario", overflow="fold")
    for name in ("allowed", "reached", "budget", "billed", "spent", "leaked"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        money = (row.budget_microdollars, row.billed_microdollars, row.spent_microdollars, row.leaked_microdollars)
        cells = (str(row.allowed), str(row.reached_upstream), *(f"{amount:,}" for amount in money))
        table.add_row(row.scenario, *cells, style="bold red" if row.violations else None)
    return table
