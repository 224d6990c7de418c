"""`hil llm …`: which commands are about the models and their gateway?"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from contracts.catalogue import describe
from hil.api_key_files import add_key, entry_for, new_key
from hil.key_log import with_bus
from hil.llm_explain import Explained, explained, find_request, page
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input
from llm_gateway.adapters.api_keys import KeysFileError, load_keys
from service_kit.connection import Connection

llm_app = typer.Typer(help="Ask about the models and their gateway.", no_args_is_help=True)


@llm_app.callback()
def llm() -> None:
    """Ask about the models and their gateway."""


@llm_app.command("explain")
def explain(
    request_id: Annotated[str, typer.Argument(help="Id of a completion command, or x-request-id over HTTP.")],
    since: Annotated[float, typer.Option(min=0.01, max=24 * 366, help="How many hours to look back.")] = 24.0,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show how a request came to its answer: each model and why, money held and spent, cache, masking, time."""
    if not request_id.strip() or len(request_id) > 300:
        raise bad_input("REQUEST_ID: must be 1 to 300 characters")

    async def ask(connection: Connection) -> Explained | None:
        return explained(request_id, await find_request(connection, request_id, hours=since))

    found = with_bus(data_dir, ask)
    if found is None:
        raise CommandError(
            f"nothing is recorded of request {request_id!r} in the last {since:g} h; --since HOURS looks further back"
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
        return
    Console().print(page(found))


key_app = typer.Typer(help="Keys of the gateway's HTTP API.", no_args_is_help=True)
llm_app.add_typer(key_app, name="key")
KeysFile = Annotated[Path, typer.Option("--file", help="File of keys: LLM_GATEWAY_API_KEYS_FILE of the gateway.")]


@key_app.command("create")
def create_key(
    tenant: Annotated[str, typer.Option(help="Whose calls they are; * for administration of all tenants.")],
    file: KeysFile,
    scopes: Annotated[str, typer.Option(help="Of chat, embeddings, models, admin; separated by commas.")] = (
        "chat,embeddings,models"
    ),
    name: Annotated[str, typer.Option(help="By which people know the key; unique in the file.")] = "default",
) -> None:
    """Make a key: it is printed once, and the file keeps only its hash. The gateway reads the file again by itself."""
    key = new_key()
    try:
        wanted = frozenset(one.strip() for one in scopes.split(",") if one.strip())
        add_key(file, entry_for(key, name=name, tenant=tenant, scopes=wanted))
    except ValidationError as error:
        raise bad_input(describe(error)) from error
    except (ValueError, KeysFileError, OSError) as error:
        raise bad_input(f"{file}: {error}") from error
    print(key)


@key_app.command("list")
def list_keys(file: KeysFile) -> None:
    """Show whose keys there are and what they may do."""
    try:
        document = load_keys(file)
    except KeysFileError as error:
        raise bad_input(str(error)) from error
    table = Table("name", "tenant", "scopes", "entity", "workflow")
    for entry in document.keys:
        scopes = ", ".join(sorted(entry.scopes))
        table.add_row(entry.name, entry.tenant, scopes, entry.entity or "", entry.workflow or "")
    Console().print(table)
