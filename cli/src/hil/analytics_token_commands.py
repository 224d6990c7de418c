"""`hil analytics token`: which programs and people may ask analytics, and for whose figures?"""

import json
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from analytics.adapters.access_store import AccessStore
from analytics.domain.tokens import Token, Wanted
from document_store import VersionConflict
from hil.analytics_access import in_access_store, now_ms
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input

token_app = typer.Typer(help="API tokens of analytics: create, list, revoke.", no_args_is_help=True)


@token_app.command("create")
def create_token(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    tenant: Annotated[list[str], typer.Option(help="Whose figures it may see; may be repeated; * is every tenant.")],
    role: Annotated[str, typer.Option(help="analyst (asks) or admin (changes, too).")] = "analyst",
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good.")] = 90,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Print a new token. It is shown this once; the store holds its hash alone."""
    try:
        wanted = Wanted.model_validate({"label": label, "tenants": tenant, "role": role, "days": days})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise bad_input(f"{place}: {first['msg']} (got {str(first['input'])[:80]!r})") from None

    async def act(access: AccessStore) -> str:
        return await access.make_token(wanted, now_ms=now_ms())

    print(in_access_store(data_dir, act))


@token_app.command("list")
def list_tokens(data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show all tokens that were made; never a token itself."""

    async def act(access: AccessStore) -> list[Token]:
        return await access.tokens()

    tokens = in_access_store(data_dir, act)
    if as_json:
        for token in tokens:
            print(json.dumps(token.model_dump(mode="json"), ensure_ascii=False))
        return
    table = Table("token", "label", "tenants", "role", "state")
    for one in tokens:
        state = "good" if one.is_good(now_ms()) else "expired" if one.revoked_ms is None else "revoked"
        table.add_row(one.token_id, one.label, ", ".join(one.tenants), one.role, state)
    Console().print(table)


@token_app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="As `hil analytics token list` shows it.")],
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """End a token, and what was opened with it, for good. It shows within seconds."""

    async def act(access: AccessStore) -> Token | None:
        return await access.revoke(token_id, now_ms=now_ms())

    try:
        found = in_access_store(data_dir, act)
    except VersionConflict as error:
        raise CommandError(f"{token_id} was changed at the same time; try again") from error
    if found is None:
        raise bad_input(f"there is no token {token_id[:80]!r}")
    print(f"{token_id} is revoked")
