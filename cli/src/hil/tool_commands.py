"""`hil tool …`: which tools are there, does one work, and may a changed one be called?"""

import json
from typing import Annotated

import nats.errors
import nats.js.errors
import typer
from pydantic import JsonValue, TypeAdapter, ValidationError
from rich.console import Console

from contracts.subjects import SubjectError, check_token
from contracts.tool_calls import ToolCallCompleted, ToolCallFact
from hil.connect_app_command import connect_app
from hil.key_log import with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input
from hil.tool_call import TestCall, made, new_key
from hil.tool_lists import found_tool, named_like, tools_now
from hil.tool_pages import list_page, tool_page
from hil.tool_search_command import search
from hil.tool_why_command import why
from service_kit.connection import Connection, Refused
from tool_runner.adapters.blessings import bless as bless_versions
from tool_runner.api.tools import QuarantinedTool, ToolList

tool_app = typer.Typer(help="Tools: list, show, search, test, bless, why, connect.", no_args_is_help=True)

ToolName = Annotated[str, typer.Argument(metavar="TOOL", help="<server>.<tool>")]
_ARGUMENTS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@tool_app.callback()
def tool() -> None:
    """Ask about tools, try them, and connect accounts for them."""


@tool_app.command("list")
def list_tools(
    pattern: Annotated[str, typer.Argument(help="Of full names, as in grants: catalogue.MAIL_*")] = "*",
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show every tool, what waits to be blessed, and which servers are away."""
    tools = named_like(tools_now(data_dir), pattern)
    if as_json:
        for one in tools.tools:
            print(json.dumps({**one.model_dump(mode="json"), "quarantined": False}, ensure_ascii=False))
        for held in tools.quarantined:
            print(json.dumps({**held.model_dump(mode="json"), "quarantined": True}, ensure_ascii=False))
        return
    Console().print(list_page(tools))


@tool_app.command("show")
def show(name: ToolName, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show one tool with its schemas; of a quarantined one, what its server says of it now."""
    found = found_tool(tools_now(data_dir), name)
    if as_json:
        print(json.dumps(found.model_dump(mode="json"), ensure_ascii=False))
        return
    Console().print(tool_page(found))


@tool_app.command("bless")
def bless(
    names: Annotated[list[str], typer.Argument(metavar="TOOL...", help="Of hil tool list.")],
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let tools be called that changed since they were blessed: as they are now, not as they will be."""
    by_server = _held_versions(tools_now(data_dir), names)

    async def ask(connection: Connection) -> None:
        try:
            for server, versions in by_server.items():
                await bless_versions(connection.jetstream, server, versions)
        except nats.js.errors.KeyWrongLastSequenceError as error:
            raise CommandError("somebody else blesses tools of this server now; look again") from error
        except (nats.errors.Error, nats.js.errors.Error, ValidationError) as error:
            raise CommandError(f"the blessing cannot be stored: {type(error).__name__}") from error

    with_bus(data_dir, ask)
    for server, versions in by_server.items():
        for local_name, version in versions.items():
            row = {"tool": f"{server}.{local_name}", "version": version}
            print(json.dumps(row) if as_json else f"{row['tool']} is blessed as {version}")


def _held_versions(tools: ToolList, names: list[str]) -> dict[str, dict[str, str]]:
    """By server and the server's own name."""
    by_server: dict[str, dict[str, str]] = {}
    for name in names:
        found = found_tool(tools, name)
        if not isinstance(found, QuarantinedTool):
            raise bad_input(f"{name} is not quarantined: it may be called as it is")
        server, _, local_name = name.partition(".")
        by_server.setdefault(server, {})[local_name] = found.version
    return by_server


@tool_app.command("test")
def test(
    name: ToolName,
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="Arguments, a JSON object.")] = "{}",
    *,
    tenant: Tenant = TENANT_DEFAULT,
    key: Annotated[str, typer.Option(help="Of an earlier test, to repeat its call; a new one if none.")] = "",
    agent: Annotated[str | None, typer.Option(help="On whose behalf, for grants.")] = None,
    workflow: Annotated[str, typer.Option(help="Of which workflow, for grants.")] = "",
    entity: Annotated[str | None, typer.Option(help="For whom, for grants and connected accounts.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=3_600, metavar="SECONDS", help="Deadline.")] = 30.0,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make one real call, with all checks, and show how it ended. Status 0 when the tool answered without an error."""
    try:
        given = _ARGUMENTS.validate_json(arguments)
        own = check_token(key or new_key(), what="key")
        call = TestCall(check_token(tenant, what="tenant"), own, name, given, timeout, agent, workflow, entity)
    except ValidationError as error:
        raise bad_input(f"JSON: {error.errors()[0]['msg']}; write an object such as '{{\"id\": 1}}'") from error
    except SubjectError as error:
        raise bad_input(str(error)) from error

    async def ask(connection: Connection) -> ToolCallFact | None:
        try:
            return await made(connection, call)
        except Refused as error:
            raise CommandError(f"the bus refuses the call: {error}") from error

    fact = with_bus(data_dir, ask)
    if fact is None:
        raise CommandError(f"no outcome of {name} within {timeout:g} s; does a tool runner run? key {own}")
    _print_fact(fact, key=own, as_json=as_json)
    if not isinstance(fact, ToolCallCompleted) or fact.is_error:
        raise typer.Exit(1)


def _print_fact(fact: ToolCallFact, *, key: str, as_json: bool) -> None:
    kind = fact.route.name
    if as_json:
        print(json.dumps({"type": kind, "key": key, **fact.model_dump(mode="json")}, ensure_ascii=False))
        return
    words = "tool error" if isinstance(fact, ToolCallCompleted) and fact.is_error else kind
    print(f"{fact.tool}: {words}, {fact.latency_ms} ms, ${fact.cost_microdollars / 1e6:.6f}, key {key}")
    said = fact.model_dump(mode="json")
    for field in ("error_class", "detail", "policy"):
        if said.get(field):
            print(f"{field}: {said[field]}")
    if isinstance(fact, ToolCallCompleted):
        shown = fact.result if isinstance(fact.result, str) else json.dumps(fact.result, indent=2, ensure_ascii=False)
        print(shown)


tool_app.command("why")(why)
tool_app.command("search")(search)
tool_app.command("connect")(connect_app)
