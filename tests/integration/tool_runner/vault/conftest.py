"""Which vaults and which authorization server do these tests share?"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.support.authorization_server import CLIENT_SECRET, AuthorizationServer, authorization_server
from tests.support.start_servers import RedisServer
from tool_runner.adapters.vault.app_file import AppEntry
from tool_runner.adapters.vault.open_vault import opened_vault
from tool_runner.adapters.vault.vault import Vault
from tool_runner.adapters.vault.vault_keys import read_keys
from tool_runner.domain.accounts import Account, App, Connection
from tool_runner.domain.oauth import Callback, CallbackRefused

KEY_OLD = "old:" + "b2xk" * 11 + "b2w="
KEY_NEW = "new:" + "bmV3" * 11 + "bmU="
ANN = Account("acme", "ann", "shop")
OpenVault = Callable[..., AbstractAsyncContextManager[Vault]]


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now_ms: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
async def server() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_vault(server: AuthorizationServer, redis_server: RedisServer, tmp_path: Path, clock: Clock) -> OpenVault:
    """Opens vaults on one store and one Redis: each is a replica."""

    def opening(keys: str = KEY_OLD, **app: object) -> AbstractAsyncContextManager[Vault]:
        return opened_vault(
            {name: declared(name, server.app(**app)) for name in ("shop", "mall")} | {"catalogue": catalogue()},
            read_keys(keys, None),
            store_url=f"sqlite:///{tmp_path}/vault.sqlite3",
            redis_url=redis_server.url,
            public_url="http://127.0.0.1:9",
            now_ms=clock,
        )

    return opening


@pytest.fixture
async def vault(open_vault: OpenVault) -> AsyncIterator[Vault]:
    async with open_vault() as opened:
        yield opened


def declared(name: str, entry: dict[str, object]) -> App:
    return AppEntry.model_validate(entry).app(name, {"CLIENT_SECRET": CLIENT_SECRET})


def catalogue() -> App:
    """An app whose accounts are static keys."""
    return declared("catalogue", {"kind": "api_key", "header": "x-api-key: {token}"})


async def owner_agrees(url: str) -> dict[str, str]:
    """What the owner's browser would bring back."""
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as answer:
        return dict(aiohttp.client.URL(answer.headers["location"]).query)


async def brought_back(vault: Vault, account: Account = ANN) -> tuple[str, Callback]:
    """A started connection to which the owner has agreed."""
    client = vault.apps[account.app].oauth
    assert client is not None
    brought = await owner_agrees((await vault.start(account, client)).url)
    return brought["state"], Callback(brought["code"], issuer=brought.get("iss"))


async def connect(vault: Vault, account: Account = ANN) -> Connection:
    state, callback = await brought_back(vault, account)
    connection = await vault.finish(account.app, state, callback)
    assert not isinstance(connection, CallbackRefused), connection
    return connection
