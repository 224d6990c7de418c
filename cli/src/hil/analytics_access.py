"""How does the command line reach the tokens of analytics: through its document store, which whoever may open it owns
anyway?"""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from analytics.adapters.access_store import AccessStore
from analytics.domain.tokens import LIFETIME_DAYS_MAX, Wanted
from document_store import StoreUnavailable, open_store
from hil.api_key_files import keep_secret
from hil.outcome import bad_input, unreachable
from http_gate.secret_text import SECRET_BYTES, token_text

STORE_VARIABLE = "ANALYTICS_STORE_URL"
STORE_FILE = "analytics.sqlite3"
TOKEN_FILE = "analytics_token"  # noqa: S105 - the name of a file
TOKEN_VARIABLE = "HIL_ANALYTICS_TOKEN"  # noqa: S105 - the name of a variable
Found = TypeVar("Found")


def token_of(data_dir: Path) -> str:
    """The token of HIL_ANALYTICS_TOKEN, or the one that `hil up` keeps; empty without one (setting `access`: open).
    Never an argument of a command: other users of the machine could see it."""
    file = data_dir / "stores" / TOKEN_FILE
    return os.environ.get(TOKEN_VARIABLE, "").strip() or (file.read_text("utf-8").strip() if file.exists() else "")


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def in_access_store(data_dir: Path, act: Callable[[AccessStore], Awaitable[Found]]) -> Found:
    """What `act` finds in the store of ANALYTICS_STORE_URL, or of the system in the data directory. Ends the command
    with status 3 where there is none."""
    url = os.environ.get(STORE_VARIABLE) or _own_store(data_dir)
    try:
        return asyncio.run(_opened(url, act))
    except StoreUnavailable as error:
        raise unreachable(f"the store of analytics does not answer: {error}; {STORE_VARIABLE} names it") from error


async def first_token(stores_dir: Path, *, tenant: str) -> Path:
    """The file that holds an admin's token of a system on this machine, for its owner's eyes only; made once."""
    file = stores_dir / TOKEN_FILE
    text = keep_secret(file, token_text(secrets.token_bytes(SECRET_BYTES)))
    wanted = Wanted(label="hil up", tenants=(tenant,), role="admin", days=LIFETIME_DAYS_MAX)
    await _opened(_url(stores_dir), lambda access: access.keep_token(text, wanted, now_ms=now_ms()))
    return file


def _own_store(data_dir: Path) -> str:
    if not (data_dir / "stores" / STORE_FILE).exists():
        raise bad_input(f"no analytics has run in {data_dir}; --data-dir or {STORE_VARIABLE} names another")
    return _url(data_dir / "stores")


def _url(stores_dir: Path) -> str:
    return f"sqlite:///{(stores_dir / STORE_FILE).absolute()}"


async def _opened(url: str, act: Callable[[AccessStore], Awaitable[Found]]) -> Found:
    store = await open_store(url)
    try:
        access = AccessStore(store)
        await access.prepare()
        return await act(access)
    finally:
        await store.close()
