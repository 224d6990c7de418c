"""How does the command line reach people and tokens of an inbox: through its document store, which whoever may open it
owns anyway?"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from document_store import DocumentStore, StoreUnavailable, opened_store
from hil.api_key_files import put_secret
from hil.outcome import bad_input, unreachable
from hil_inbox.handlers.first_admin import first_link

STORE_VARIABLE = "HIL_INBOX_STORE_URL"
STORE_FILE = "hil_inbox.sqlite3"
LINK_FILE = "inbox_first_login"
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


async def first_login(stores_dir: Path, address: str, *, tenant: str) -> tuple[str, Path] | None:
    """A link for the first admin of a system on this machine, and the file that holds it, for its owner's eyes only.
    None if somebody has taken that admin away."""
    async with opened_store(f"sqlite:///{stores_dir / STORE_FILE}") as store:
        link = await first_link(store, address, tenant=tenant, now_ms=now_ms())
    if link is None:
        return None
    put_secret(stores_dir / LINK_FILE, f"{link}\n")
    return link, stores_dir / LINK_FILE


def _own_store(data_dir: Path) -> str:
    file = (data_dir / "stores" / STORE_FILE).absolute()
    if not file.exists():
        raise bad_input(f"no inbox has run in {data_dir}; --data-dir or {STORE_VARIABLE} names another")
    return f"sqlite:///{file}"


async def _opened(url: str, act: Callable[[DocumentStore], Awaitable[Found]]) -> Found:
    async with opened_store(url) as store:
        return await act(store)
