"""How does the command line reach what analytics keeps: through its document store, which whoever may open it owns
anyway?"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from document_store import DocumentStore, StoreUnavailable, opened_store
from hil.outcome import bad_input, unreachable

STORE_VARIABLE = "ANALYTICS_STORE_URL"
STORE_FILE = "analytics.sqlite3"
Found = TypeVar("Found")


def in_analytics_store(data_dir: Path, act: Callable[[DocumentStore], Awaitable[Found]]) -> Found:
    """What `act` finds in the store of ANALYTICS_STORE_URL, or of the system in the data directory. Ends the command
    with status 2 where there is none, 3 where it does not answer."""
    url = os.environ.get(STORE_VARIABLE) or _own_store(data_dir)
    try:
        return asyncio.run(in_store_of(url, act))
    except StoreUnavailable as error:
        raise unreachable(f"the store of analytics does not answer: {error}; {STORE_VARIABLE} names it") from error


def store_url(stores_dir: Path) -> str:
    """The store of a system on this machine."""
    return f"sqlite:///{(stores_dir / STORE_FILE).absolute()}"


async def in_store_of(url: str, act: Callable[[DocumentStore], Awaitable[Found]]) -> Found:
    """What `act` finds in a store, which is open meanwhile."""
    async with opened_store(url) as store:
        return await act(store)


def _own_store(data_dir: Path) -> str:
    if not (data_dir / "stores" / STORE_FILE).exists():
        raise bad_input(f"no analytics has run in {data_dir}; --data-dir or {STORE_VARIABLE} names another")
    return store_url(data_dir / "stores")
