"""`hil llm …`: which commands are about the models and their gateway?"""

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console

from hil.key_log import with_bus
from hil.llm_explain import Explained, explained, find_request, page
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input
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
