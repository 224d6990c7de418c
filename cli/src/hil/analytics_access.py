"""How does the command line reach the tokens of analytics?"""

import os
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from analytics.adapters.access_store import AccessStore
from analytics.domain.tokens import LIFETIME_DAYS_MAX, Wanted
from document_store import DocumentStore
from hil.analytics_store import in_analytics_store, in_store_of, store_url
from hil.api_key_files import keep_secret
from http_gate.secret_text import SECRET_BYTES, token_text

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
    """What `act` finds among the tokens of analytics; ends the command as `in_analytics_store`."""
    return in_analytics_store(data_dir, partial(_prepared, act=act))


async def first_token(stores_dir: Path, *, tenant: str) -> Path:
    """The file that holds an admin's token of a system on this machine, for its owner's eyes only; made once."""
    file = stores_dir / TOKEN_FILE
    text = keep_secret(file, token_text(secrets.token_bytes(SECRET_BYTES)))
    wanted = Wanted(label="hil up", tenants=(tenant,), role="admin", days=LIFETIME_DAYS_MAX)
    keep = partial(_prepared, act=lambda access: access.keep_token(text, wanted, now_ms=now_ms()))
    await in_store_of(store_url(stores_dir), keep)
    return file


async def _prepared(store: DocumentStore, act: Callable[[AccessStore], Awaitable[Found]]) -> Found:
    access = AccessStore(store)
    await access.prepare()
    return await act(access)
