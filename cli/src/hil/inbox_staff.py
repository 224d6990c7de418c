"""How does the command line reach people and tokens of an inbox: through its document store, which whoever may open it
owns anyway?"""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from document_store import DocumentStore, StoreUnavailable, open_store
from hil.api_key_files import put_secret
from hil.outcome import bad_input, unreachable
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.domain.people import Person
from hil_inbox.domain.sessions import CODE_MINUTES
from hil_inbox.handlers.front_desk import CODE

STORE_VARIABLE = "HIL_INBOX_STORE_URL"
STORE_FILE = "hil_inbox.sqlite3"
LINK_FILE = "inbox_first_login"
FIRST_ADMIN = "you"
Found = TypeVar("Found")


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def in_store(data_dir: Path, act: Callable[[DocumentStore], Awaitable[Found]]) -> Found:
    """What `act` finds in the store of HIL_INBOX_STORE_URL, or of the system in the data directory. Ends the command
    with status 3 where there is none."""
    url = os.environ.get(STORE_VARIABLE) or _own_store(data_dir)
    try:
        return asyncio.run(_opened(url, act))
    except StoreUnavailable as error:
        raise unreachable(f"the inbox's store does not answer: {error}; {STORE_VARIABLE} names it") from error


async def new_code(store: DocumentStore, person: Person) -> str:
    """A one-time code of a person."""
    codes, code = OneTimeStore(store), secrets.token_urlsafe(32)
    await codes.prepare()
    who = {"tenant": person.tenant, "actor_id": person.actor_id}
    await codes.add(code, CODE, who, expires_ms=now_ms() + CODE_MINUTES * 60_000)
    return code


def link_of(address: str, code: str) -> str:
    """What its owner opens."""
    return f"{address.rstrip('/')}/auth/first?code={code}"


async def first_login(stores_dir: Path, address: str, *, tenant: str) -> tuple[str, Path] | None:
    """A link for the first admin of a system on this machine, and the file that holds it, for its owner's eyes only.
    The admin is made if there is nobody yet. None if somebody has taken that admin away."""
    store = await open_store(f"sqlite:///{stores_dir / STORE_FILE}")
    try:
        people = PeopleStore(store)
        await people.prepare()
        if not await people.of_tenant(tenant):
            await people.add(Person(tenant=tenant, actor_id=FIRST_ADMIN, name="You", role="admin"))
        person = await people.get(tenant, FIRST_ADMIN)
        if person is None or person.disabled or person.role != "admin":
            return None
        link = link_of(address, await new_code(store, person))
    finally:
        await store.close()
    put_secret(stores_dir / LINK_FILE, f"{link}\n")
    return link, stores_dir / LINK_FILE


def _own_store(data_dir: Path) -> str:
    file = (data_dir / "stores" / STORE_FILE).absolute()
    if not file.exists():
        raise bad_input(f"no inbox has run in {data_dir}; --data-dir or {STORE_VARIABLE} names another")
    return f"sqlite:///{file}"


async def _opened(url: str, act: Callable[[DocumentStore], Awaitable[Found]]) -> Found:
    store = await open_store(url)
    try:
        return await act(store)
    finally:
        await store.close()
