"""What does a person, or a script, see of a play?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hil.demo.verdict import Verdict

_YES, _NO = "[green]yes[/]", "[red]NO[/]"


@dataclass(slots=True)
class Board:
    """Progress while it goes on: a bar in a terminal, a line for each customer elsewhere."""

    console: Console
    progress: Progress
    tasks: int
    _bar: TaskID | None = None
    _in_hand: list[str] = field(default_factory=list)

    def begin(self, task_id: str) -> None:
        self._in_hand.append(task_id)
        self._show()

    def end(self, verdict: Verdict) -> None:
        self._in_hand.remove(verdict.id)
        self.console.print(_line(verdict), highlight=False)
        self._show()
        if self._bar is not None:
            self.progress.advance(self._bar)

    def _show(self) -> None:
        if self._bar is None:
            self._bar = self.progress.add_task("", total=self.tasks)
        self.progress.update(self._bar, description=f"playing {', '.join(self._in_hand)}"[:60])


def open_board(console: Console, tasks: int) -> Board:
    """A board that shows nothing yet; its `progress` is a context manager."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Board(console, Progress(*columns, console=console, transient=True), tasks)


def summary(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """The report as data."""
    hidden = {"detail"}
    lines = [{name: value for name, value in asdict(v).items() if name not in hidden} for v in verdicts]
    passed = sum(verdict.passed for verdict in verdicts)
    return {"tasks": lines, "passed": passed, "failed": len(verdicts) - passed}


def write_summary(file: Path, verdicts: Sequence[Verdict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(summary(verdicts), indent=2) + "\n")


def print_report(console: Console, verdicts: Sequence[Verdict], *, title: str, seconds: float) -> None:
    """The table, the totals, and what failed."""
    console.print(_table(verdicts, title))
    failed = [verdict for verdict in verdicts if not verdict.passed]
    cost = sum(verdict.cost_usd for verdict in verdicts)
    calls = sum(verdict.tool_calls for verdict in verdicts)
    latencies = sorted(verdict.latency_ms for verdict in verdicts) or [0]
    console.print(
        f"{len(verdicts) - len(failed)} of {len(verdicts)} passed in {seconds:.1f} s · {calls} tool calls · "
        f"{sum(verdict.completions for verdict in verdicts)} completions · ${cost:.4f} · "
        f"p50 {latencies[len(latencies) // 2]} ms · p95 {latencies[int(len(latencies) * 0.95)]} ms",
        highlight=False,
    )
    for verdict in failed:
        console.print(f"[red]✗ task {verdict.id}[/] {escape(_why(verdict))}", highlight=False)


def print_addresses(console: Console, endpoints: Mapping[str, str], *, data_dir: Path) -> None:
    """Where to look."""
    table = Table(title="Look at", title_justify="left", show_header=False, box=None)
    for name, address in endpoints.items():
        table.add_row(name, address)
    table.add_row("data and logs", str(data_dir))
    console.print(table)


def _table(verdicts: Sequence[Verdict], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("task", "sink"):
        table.add_column(name, no_wrap=True)
    for name in ("tool calls", "completions", "cost", "latency", "database equal?", "calls equal?", "told?"):
        table.add_column(name, justify="right", overflow="fold")
    for verdict in verdicts:
        style = None if verdict.passed else "bold"
        table.add_row(verdict.id, verdict.sink or _NO, *_figures(verdict), *_checks(verdict), style=style)
    return table


def _figures(verdict: Verdict) -> tuple[str, ...]:
    latency = f"{verdict.latency_ms} ms"
    return str(verdict.tool_calls), str(verdict.completions), f"${verdict.cost_usd:.4f}", latency


def _checks(verdict: Verdict) -> tuple[str, ...]:
    return tuple(_YES if good else _NO for good in (verdict.db_equal, verdict.calls_equal, verdict.communicated))


def _line(verdict: Verdict) -> str:
    mark = "[green]✓[/]" if verdict.passed else "[red]✗[/]"
    figures = f"{verdict.tool_calls} tool calls, {verdict.completions} completions, {verdict.latency_ms} ms"
    return f"{mark} task {verdict.id}: {verdict.sink or 'no sink'}, {figures}"


def _why(verdict: Verdict) -> str:
    problems = {
        f"sink {verdict.sink} instead of {verdict.expected_sink}": verdict.sink != verdict.expected_sink,
        "the database differs": not verdict.db_equal,
        "the calls differ": not verdict.calls_equal,
        "the customer was not told what was asked": not verdict.communicated,
    }
    found = ", ".join(text for text, holds in problems.items() if holds)
    return f"{found} ({verdict.detail})" if verdict.detail else found
