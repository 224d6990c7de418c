"""`hil inbox`: who works at the inbox, with which tokens, and how do they get in?"""

import json
import os
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from document_store import DocumentStore, VersionConflict
from hil.connect import address_of
from hil.inbox_staff import in_store, now_ms
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.tokens import NewToken, made
from hil_inbox.domain.people import Person
from hil_inbox.domain.tokens import Token, is_good
from hil_inbox.handlers.first_admin import FIRST_ADMIN, new_link

inbox_app = typer.Typer(help="People and tokens of the inbox.", no_args_is_help=True)
person_app = typer.Typer(help="Who works at the inbox: add, set, list.", no_args_is_help=True)
token_app = typer.Typer(help="API tokens of the inbox: create, list, revoke.", no_args_is_help=True)
inbox_app.add_typer(person_app, name="person")
inbox_app.add_typer(token_app, name="token")

ActorId = Annotated[str, typer.Argument(help="Id of the person, as it stands in facts.")]
Role = Annotated[str | None, typer.Option(help="agent, supervisor or admin.")]
Words = Annotated[list[str] | None, typer.Option(help="May be repeated; replaces all that were set.")]
Text = Annotated[str | None, typer.Option()]
DEFAULT_SCOPES = ["inbox:read", "inbox:act"]


@inbox_app.command("first-login")
def first_login(
    person: Annotated[str, typer.Option(help="Whom the link lets in.")] = FIRST_ADMIN,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Print a link that lets a person in, once and within 15 minutes. Whoever has it is that person."""
    address = os.environ.get("HIL_INBOX_PUBLIC_URL") or address_of("hil_inbox", data_dir)

    async def act(store: DocumentStore) -> str:
        return await new_link(store, await _known(store, tenant, person), address, now_ms=now_ms())

    print(in_store(data_dir, act))


@person_app.command("add")
def add_person(
    actor_id: ActorId,
    name: Text = None,
    email: Text = None,
    role: Role = None,
    team: Words = None,
    skill: Words = None,
    queue: Words = None,
    language: Words = None,
    capacity: Annotated[int | None, typer.Option(min=0, max=1_000, help="Conversations at a time.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Add a person."""
    said = _said(name=name, email=email, role=role, capacity=capacity)
    said |= _said(teams=team, skills=skill, queues=queue, languages=language)
    person = _person({"tenant": tenant, "actor_id": actor_id, **said})

    async def act(store: DocumentStore) -> bool:
        return await PeopleStore(store).add(person)

    if not in_store(data_dir, act):
        raise bad_input(f"{actor_id} exists already; `hil inbox person set` changes a person")
    print(f"{actor_id} is {person.role} of {tenant}; `hil inbox first-login --person {actor_id}` lets them in")


@person_app.command("set")
def set_person(
    actor_id: ActorId,
    name: Text = None,
    email: Text = None,
    role: Role = None,
    team: Words = None,
    skill: Words = None,
    queue: Words = None,
    language: Words = None,
    capacity: Annotated[int | None, typer.Option(min=0, max=1_000, help="Conversations at a time.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Shut the person out, or in.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Change what is said of a person, and nothing else. It shows within seconds."""
    said = _said(name=name, email=email, role=role, capacity=capacity, disabled=disabled)
    said |= _said(teams=team, skills=skill, queues=queue, languages=language)

    async def act(store: DocumentStore) -> Person:
        person = _person((await _known(store, tenant, actor_id)).model_dump() | said)
        await PeopleStore(store).put(person)
        return person

    try:
        person = in_store(data_dir, act)
    except VersionConflict as error:
        raise CommandError(f"{actor_id} was changed at the same time; try again") from error
    print(json.dumps(person.model_dump(mode="json"), ensure_ascii=False))


@person_app.command("list")
def list_people(tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show who works at the inbox."""

    async def act(store: DocumentStore) -> list[Person]:
        await PeopleStore(store).prepare()
        return await PeopleStore(store).of_tenant(tenant)

    people = in_store(data_dir, act)
    if as_json:
        for person in people:
            print(json.dumps(person.model_dump(mode="json"), ensure_ascii=False))
        return
    table = Table("id", "name", "role", "teams", "skills", "queues", "capacity", "state")
    for one in people:
        lists = (", ".join(words) for words in (one.teams, one.skills, one.queues))
        table.add_row(one.actor_id, one.name, one.role, *lists, str(one.capacity), "disabled" if one.disabled else "")
    Console().print(table)


@token_app.command("create")
def create_token(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    person: Annotated[str | None, typer.Option(help="Whose it is; without, a service's.")] = None,
    role: Annotated[str, typer.Option(help="agent, supervisor or admin.")] = "agent",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="inbox:read, inbox:act, inbox:supervise, inbox:admin or act_as; may be repeated."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good.")] = 90,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Print a new token. It is shown this once; the store holds its hash alone."""
    fields = {"label": label, "actor_id": person, "role": role, "scopes": scope or DEFAULT_SCOPES, "days": days}
    try:
        wanted = NewToken.model_validate(fields)
    except ValidationError as error:
        raise _wrong(error) from None

    async def act(store: DocumentStore) -> str:
        if person is not None:
            await _known(store, tenant, person)
        text, token = made(wanted, tenant=tenant, created_by="hil inbox token create", now_ms=now_ms())
        await TokenStore(store).add(text, token)
        return text

    print(in_store(data_dir, act))


@token_app.command("list")
def list_tokens(tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show all tokens that were made; never a token itself."""

    async def act(store: DocumentStore) -> list[Token]:
        await TokenStore(store).prepare()
        return await TokenStore(store).of_tenant(tenant)

    tokens = in_store(data_dir, act)
    if as_json:
        for token in tokens:
            print(json.dumps(token.model_dump(mode="json"), ensure_ascii=False))
        return
    table = Table("token", "label", "person", "role", "scopes", "state")
    for one in tokens:
        state = "good" if is_good(one, now_ms()) else "expired" if one.revoked_ms is None else "revoked"
        table.add_row(one.token_id, one.label, one.actor_id or "(service)", one.role, " ".join(one.scopes), state)
    Console().print(table)


@token_app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="As `hil inbox token list` shows it.")],
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """End a token for good. It shows within seconds."""

    async def act(store: DocumentStore) -> Token | None:
        await TokenStore(store).prepare()
        return await TokenStore(store).revoke(tenant, token_id, now_ms=now_ms())

    if in_store(data_dir, act) is None:
        raise bad_input(f"{tenant} has no token {token_id[:80]!r}")
    print(f"{token_id} is revoked")


async def _known(store: DocumentStore, tenant: str, actor_id: str) -> Person:
    person = await PeopleStore(store).get(tenant, actor_id)
    if person is None:
        raise bad_input(f"{tenant} has nobody called {actor_id[:128]!r}; `hil inbox person add` adds a person")
    return person


def _said(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _person(fields: dict[str, object]) -> Person:
    try:
        return Person.model_validate(fields)
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> CommandError:
    first = error.errors()[0]
    return bad_input(f"{'.'.join(map(str, first['loc']))}: {first['msg']} (got {str(first['input'])[:80]!r})")
