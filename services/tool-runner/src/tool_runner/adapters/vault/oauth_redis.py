"""Which connections were started and wait for their owners, and who is refreshing which account?"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import orjson
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service_kit.errors import RetryLater
from tool_runner.adapters.vault.seal_tokens import KeyMissing, TokenSeal, Unsealable, fields_of, sealed_from
from tool_runner.domain.accounts import Account
from tool_runner.domain.oauth import PENDING_SECONDS, Pending

STARTED_MAX, STARTED_BY_TENANT_MAX = 50_000, 5_000
"""Connections that may be started in ten minutes, by all and by one tenant: each holds about a KiB of Redis."""
ROUND_SECONDS = PENDING_SECONDS + 60
STATE_CHARACTERS_MAX = 128
LEASE_SECONDS = 30.0
"""How long one refresh may take in all; after that another process may try."""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_COUNT = """
if tonumber(redis.call('get', KEYS[1]) or 0) >= tonumber(ARGV[1]) then return 1 end
if tonumber(redis.call('get', KEYS[2]) or 0) >= tonumber(ARGV[2]) then return 2 end
for _, key in ipairs(KEYS) do redis.call('incr', key); redis.call('expire', key, ARGV[3]) end
return 0
"""
_AWAY = timedelta(seconds=1)
T = TypeVar("T")


class TooManyStarted(RetryLater):
    """So many connections wait for their owners that no other is started."""


@dataclass(frozen=True, slots=True)
class PendingConnections:
    """States in Redis, by their hash: who reads Redis can neither finish a connection nor read its verifier. Beside
    them the round of each account that has any: without it, or with another, none of its states is good."""

    redis: "Redis"
    seal: TokenSeal
    now_ms: Callable[[], int]

    async def start(self, account: Account, redirect_uri: str) -> tuple[str, Pending]:
        """A state that is good once, for ten minutes, and what belongs to it. Raises TooManyStarted, RetryLater."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        await self._count(account.tenant)
        expires_at_ms = self.now_ms() + PENDING_SECONDS * 1_000
        pending = Pending(account, SecretStr(verifier), redirect_uri, expires_at_ms, await self._round(account))
        text = orjson.dumps([state, verifier, redirect_uri, expires_at_ms, pending.round])
        stored = {
            "account": [account.tenant, account.entity, account.app],
            **fields_of(self.seal.close(account, text)),
        }
        await _asked(self.redis.set(_state_key(state), orjson.dumps(stored), ex=PENDING_SECONDS))
        return state, pending

    async def take(self, state: str) -> Pending | None:
        """What belongs to the state, for the first who brings it; None if it lapsed, was used, was ended, or never
        was. Raises RetryLater."""
        if not 1 <= len(state) <= STATE_CHARACTERS_MAX:
            return None
        found = await _asked(self.redis.getdel(_state_key(state)))
        if found is None:
            return None
        stored = orjson.loads(found)
        account = Account(*stored["account"])
        try:
            text = self.seal.open(account, sealed_from(stored))
        except (Unsealable, KeyMissing):
            return None
        own, verifier, redirect_uri, expires_at_ms, round = orjson.loads(text)
        if own != state or expires_at_ms <= self.now_ms():
            return None
        pending = Pending(account, SecretStr(verifier), redirect_uri, expires_at_ms, round)
        return pending if await self.holds(pending) else None

    async def holds(self, pending: Pending) -> bool:
        """Whether the account was not disconnected since. Raises RetryLater."""
        found = await _asked(self.redis.get(_round_key(pending.account)))
        return isinstance(found, bytes) and found.decode() == pending.round

    async def end(self, account: Account) -> None:
        """Whatever was started for it finishes no more, not even what is being exchanged now. Raises RetryLater."""
        await _asked(self.redis.delete(_round_key(account)))

    async def _round(self, account: Account) -> str:
        """It outlives each state that is started in it."""
        key = _round_key(account)
        async with self.redis.pipeline(transaction=True) as together:
            together.set(key, secrets.token_hex(16), nx=True)
            together.expire(key, ROUND_SECONDS)
            together.get(key)
            found: bytes = (await _asked(together.execute()))[-1]
        return found.decode()

    async def _count(self, tenant: str) -> None:
        """By keys for each ten minutes, which can neither outlive them nor lose their end between two commands. What
        is refused is not counted: a tenant at its limit takes nothing from the others."""
        all_tenants = f"hil:oauth_states_started:{self.now_ms() // (PENDING_SECONDS * 1_000)}"
        keys, maxima = (f"{all_tenants}:{tenant}", all_tenants), (STARTED_BY_TENANT_MAX, STARTED_MAX)
        asking = self.redis.eval(_COUNT, len(keys), *keys, *map(str, maxima), str(PENDING_SECONDS))
        full = int(str(await _asked(cast(Awaitable[object], asking))))
        if full:
            whose = (f"tenant {tenant}", "all tenants together")[full - 1]
            raise TooManyStarted(
                f"{whose}: {maxima[full - 1]} connections in {PENDING_SECONDS} s, the limit: try later"
            )


@dataclass(frozen=True, slots=True)
class RefreshLeases:
    """Of all processes, one at a time asks the server about an account."""

    redis: "Redis"

    @asynccontextmanager
    async def tried(self, account: Account) -> AsyncIterator[bool]:
        """Whether this block has the account for itself, for `LEASE_SECONDS` at most. Raises RetryLater."""
        key, owner = f"hil:oauth_refresh:{account.id}", secrets.token_hex(16)
        mine = bool(await _asked(self.redis.set(key, owner, px=int(LEASE_SECONDS * 1_000), nx=True)))
        try:
            yield mine
        finally:
            if mine:
                await _released(self.redis, key, owner)


async def _released(redis: "Redis", key: str, owner: str) -> None:
    """A lease that cannot be given back ends by itself."""
    try:
        async with asyncio.timeout(2):
            await cast(Awaitable[object], redis.eval(_RELEASE, 1, key, owner))
    except (RedisError, OSError, TimeoutError):
        return


async def _asked(asking: Awaitable[T]) -> T:
    try:
        return await asking
    except (RedisError, OSError) as error:
        raise RetryLater(f"redis: {type(error).__name__}", after=_AWAY) from error


def _round_key(account: Account) -> str:
    return f"hil:oauth_round:{account.id}"


def _state_key(state: str) -> str:
    return f"hil:oauth_state:{hashlib.sha256(state.encode()).hexdigest()}"
