"""`hil inspect KEY` and `hil replay KEY`: what happened, and would it happen again?"""

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contracts.envelope import LogEntry
from hil.key_log import read_log, with_bus
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError
from hil.timeline import TimelineLine, timeline
from orchestrator.adapters.workflow_registry import opened
from orchestrator.domain.replay import Replayed, replay, versions_named
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection

Key = Annotated[str, typer.Argument(help="Conversation id, or execution id in standalone mode.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose key it is.")]


def inspect(key: Key, tenant: Tenant = "acme", data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show the timeline of a key: nodes, attempts, inputs, outputs, cost, decisions."""

    async def ask(connection: Connection) -> list[LogEntry]:
        return await read_log(connection, tenant, key)

    lines = timeline(with_bus(data_dir, ask))
    if as_json:
        for line in lines:
            print(json.dumps(dataclasses.asdict(line), ensure_ascii=False))
        return
    Console().print(_table(key, lines))


def replay_key(
    key: Key, tenant: Tenant = "acme", data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Decide a log again, offline, from what each decision says it was based on; status 1 if anything comes out
    otherwise."""

    async def ask(connection: Connection) -> Replayed:
        entries = await read_log(connection, tenant, key)
        return replay(tenant, key, entries, await _versions(connection, entries))

    result = with_bus(data_dir, ask)
    if as_json:
        print(json.dumps(dataclasses.asdict(result), ensure_ascii=False))
    else:
        print(f"{result.decisions} decisions made again, {len(result.differences)} differ")
        for difference in result.differences:
            print(f"  {difference.sequence}: recorded {difference.recorded}\n     now      {difference.now}")
    if result.differences:
        raise typer.Exit(1)


async def _versions(connection: Connection, entries: list[LogEntry]) -> dict[str, Workflow]:
    found: dict[str, Workflow] = {}
    async with opened(connection) as registry:
        for content_hash in versions_named(entries):
            workflow = await registry.load(content_hash)
            if workflow is None:
                raise CommandError(
                    f"workflow version {content_hash} is not in the registry: the log cannot be replayed"
                )
            found[content_hash] = workflow
    return found


def _table(key: str, lines: list[TimelineLine]) -> Table:
    table = Table(title=f"Log of {key}", caption="Decisions of the orchestrator are bold.", expand=True)
    for name in ("seq", "ms", "message", "node", "what", "µ$"):
        right = name in ("seq", "ms", "µ$")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "what", overflow="fold")
    for line in lines:
        cells = (
            str(line.sequence),
            str(line.after_ms),
            line.kind,
            line.node,
            line.what,
            str(line.cost_microdollars or ""),
        )
        table.add_row(*cells, style="bold" if line.is_decision else None)
    return table
