"""`hil eval capture` and `hil eval execution`: turn what happened into a case, and hold it to one."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from contracts.catalogue import describe
from contracts.envelope import LogEntry
from hil.eval.capture import NotCaptured, captured
from hil.eval.judge_case import failures_of
from hil.eval.observe import Observation, observe
from hil.eval.results import Failure
from hil.eval.suite import Case
from hil.eval.suite_file import load_suite
from hil.key_log import read_log, with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input
from llm_gateway.adapters.tool_catalogue import watched_tools
from pii import redact
from service_kit.connection import Connection

Key = Annotated[str, typer.Argument(help="Conversation id, or execution id in standalone mode.")]


def capture(
    key: Key,
    *,
    into: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="A new suite file.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Write a conversation or execution that has ended as a suite of one case: what was said or put in, where it ended,
    and its tools' effects. Personal data is masked; names of persons are not found, so read it before you share it."""
    if into is not None and into.exists():
        raise bad_input(f"--into {into}: is there already; captured cases are never put into a file unread")

    async def ask(connection: Connection) -> tuple[list[LogEntry], frozenset[str]]:
        async with watched_tools(connection.jetstream) as catalogue:
            reads = frozenset(tool.name for tool in catalogue.tools() if tool.side_effect == "read")
        return await read_log(connection, tenant, key), reads

    entries, reads = with_bus(data_dir, ask)
    try:
        found = captured(key, entries, redact, reads=reads)
    except NotCaptured as error:
        raise CommandError(str(error)) from error
    except ValidationError as error:
        raise CommandError(f"{key} is no case of a suite: {describe(error)}") from error
    case = found.case.model_dump(mode="json", exclude_defaults=True)
    suite = {"workflow": found.workflow, "cases": [case]}
    text = yaml.safe_dump(suite, sort_keys=False, allow_unicode=True, width=110)
    if into is None:
        sys.stdout.write(text)
    else:
        into.write_text(text, "utf-8")
    print(f"{found.masked} texts were masked; read the case before you share it", file=sys.stderr)


def execution(
    key: Key,
    *,
    suite: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Hold it to a case of this file.")
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="ID", help="Of that suite.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show the figures of one conversation or execution, and with --suite and --case what it misses of that case.

    Status 1 if it misses anything, or has not ended.
    """
    if (suite is None) != (case is None):
        raise bad_input("--suite and --case belong together")
    expected = None if suite is None or case is None else _case(suite, case)

    async def ask(connection: Connection) -> list[LogEntry]:
        return await read_log(connection, tenant, key)

    seen = observe(with_bus(data_dir, ask))
    missed = [] if expected is None else list(failures_of(expected, seen))
    print(json.dumps(_described(key, seen, missed)) if as_json else _page(key, seen, missed))
    if missed or seen.sink is None:
        raise typer.Exit(1)


def _case(file: Path, case_id: str) -> Case:
    found = next((one for one in load_suite(file).cases if one.id == case_id), None)
    if found is None:
        raise bad_input(f"--case: {file} has no case {case_id!r}")
    if not isinstance(found, Case):
        raise bad_input(f"--case: {case_id} is a task of a domain: its database is gone, `hil eval run` plays it")
    return found


def _described(key: str, seen: Observation, missed: Sequence[Failure]) -> dict[str, object]:
    """Nothing of what was said but what a check that failed quotes: `hil inspect` shows the rest."""
    return {
        "key": key,
        "sink": seen.sink,
        "reason": seen.reason,
        "executions": [one.model_dump(mode="json") for one in seen.executions],
        "tool_calls": [{"tool": call.tool, "outcome": call.outcome} for call in seen.tool_calls],
        "completions": seen.completions,
        "completions_cached": seen.cached,
        "rating": seen.rating,
        "failures": [one.model_dump(mode="json") for one in missed],
    }


def _page(key: str, seen: Observation, missed: Sequence[Failure]) -> str:
    cost = sum(one.cost_microdollars for one in seen.executions) / 1e6
    successes = sum(one.success for one in seen.executions)
    latency = max((one.latency_ms for one in seen.executions), default=0)
    lines = [
        f"{key}: {seen.sink or 'has not ended'}" + (f" ({seen.reason})" if seen.reason else ""),
        f"  executions   {len(seen.executions)}, {successes} successful, the slowest {latency} ms",
        f"  completions  {seen.completions}, {seen.cached} of them out of a cache",
        f"  tool calls   {len(seen.tool_calls)}",
        f"  cost         ${cost:.4f}",
        f"  rating       {'none' if seen.rating is None else seen.rating}",
        *(f"✗ {one.kind}: {one.detail}" for one in missed),
    ]
    return "\n".join(lines)
