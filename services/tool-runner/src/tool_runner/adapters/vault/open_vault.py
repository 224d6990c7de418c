"""Who is plugged into whom in the vault?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis

from document_store import open_store
from service_kit.tasks import end_task
from tool_runner.adapters.vault.account_records import AccountRecords
from tool_runner.adapters.vault.oauth_redis import PendingConnections, RefreshLeases
from tool_runner.adapters.vault.refresh_tokens import Refresher
from tool_runner.adapters.vault.rewrap_tokens import rewrap_tokens
from tool_runner.adapters.vault.seal_tokens import TokenSeal
from tool_runner.adapters.vault.token_endpoint import token_endpoint
from tool_runner.adapters.vault.vault import Vault
from tool_runner.adapters.vault.vault_keys import VaultKeys
from tool_runner.domain.accounts import App

CALLBACK_PATH = "/v1/oauth/callback"
CONNECTIONS_MAX = 64


@asynccontextmanager
async def opened_vault(
    apps: Mapping[str, App],
    keys: VaultKeys,
    *,
    store_url: str,
    redis_url: str,
    public_url: str,
    now_ms: Callable[[], int],
) -> AsyncIterator[Vault]:
    """The vault, with its accounts being put under the newest key; refreshes in flight end before it closes."""
    pool = BlockingConnectionPool.from_url(
        redis_url, max_connections=CONNECTIONS_MAX, timeout=2.0, socket_timeout=2.0, socket_connect_timeout=1.0
    )
    redis, seal = Redis.from_pool(pool), TokenSeal(keys)
    store = await open_store(store_url)
    try:
        records = AccountRecords(store, seal)
        await records.prepare()
        async with token_endpoint() as endpoint:
            refresher = Refresher(records, RefreshLeases(redis), endpoint, apps, now_ms)
            rewrapping = asyncio.create_task(rewrap_tokens(records))
            try:
                pending = PendingConnections(redis, seal, now_ms)
                callback_url = f"{public_url.rstrip('/')}{CALLBACK_PATH}"
                yield Vault(apps, records, pending, refresher, endpoint, callback_url, now_ms)
            finally:
                await end_task(rewrapping)
                await refresher.close()
    finally:
        await store.close()
        await redis.aclose()
