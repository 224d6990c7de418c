"""A running inbox, and a person's hands on it."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.connection import Connection
from tests.support.inbox_token import give_token
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.wait_until import wait_until


@dataclass(frozen=True)
class Inbox:
    """The service over HTTP, and the bus beside it."""

    session: aiohttp.ClientSession
    connection: Connection
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """A desk's token, which may name its agents."""
        return {"Authorization": f"Bearer {self.token}"}

    async def get(self, path: str, **params: str) -> tuple[int, Any]:
        async with self.session.get(path, params=params, headers=self.headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object, *, command_id: str | None) -> tuple[int, Any]:
        """A command. Of the body `actor_id` is whom the desk names, and `etag` what that person saw (unless it is None:
        epoch 0, or an approval without hash and policy)."""
        given = dict(body) if isinstance(body, dict) else {}
        seen = given.pop("etag", '"a-.-"' if path.endswith("/decide") else '"e0"')
        named = {"Idempotency-Key": command_id, "If-Match": seen, "Hil-Actor": given.pop("actor_id", "ana")}
        headers = self.headers | {name: value for name, value in named.items() if value is not None}
        body = given if isinstance(body, dict) else body
        async with self.session.post(path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def shows(self, path: str) -> None:
        """Wait until a document exists."""

        async def found() -> bool:
            return (await self.get(path))[0] == 200

        await wait_until(found)


ON_BOTH_STORES = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)
"""For what asks the store something that no other test asks; test_stores.py has each store by itself."""


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store: SQLite, or MongoDB where a test asks for it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/inbox.sqlite3"
    return f"{request.getfixturevalue('mongo_server')}/inbox_{re.sub(r'[^A-Za-z0-9]', '', tmp_path.name)[-40:]}"


@pytest.fixture
def settings(nats_server: NatsServer, redis_server: RedisServer, store_url: str) -> Settings:
    return Settings(
        nats_url=nats_server.url,
        redis_url=redis_server.url,
        store_url=store_url,
        http_port=free_port(),
        log_level="error",
    )


@pytest.fixture
async def inbox(settings: Settings) -> AsyncIterator[Inbox]:
    token = await give_token(settings.store_url)
    async with kit(settings.nats_url) as connection:
        served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
        async with served as session:
            yield Inbox(session, connection, token)
