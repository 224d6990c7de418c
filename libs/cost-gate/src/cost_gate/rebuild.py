"""When are the books complete, and how are they made complete again after Redis lost them?"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from redis.exceptions import RedisError

from cost_gate.books import OPEN, REBUILD_LOCK, is_over, keep_seconds, key_of
from cost_gate.closed import GateClosed, ask_run_id, closed_when_redis_is_gone
from cost_gate.gate import Gate
from cost_gate.outcomes import Lapsed
from cost_gate.scripts import RAISE
from service_kit.errors import RetryLater

log = structlog.get_logger()
EVERY_SECONDS = 0.5
# Every living gateway looks at the books at least this often, and puts back what it holds when they are closed.
GRACE_SECONDS = 3.0
_LOCK_SECONDS = 8
_BOOKS_PER_COMMAND = 200
_SWEEP_MAX = 1_000
_STILL_MINE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0"
_OPEN_IF_MINE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
"""

ReadLedger = Callable[[], AsyncIterator[tuple[str, int]]]
"""Every (book, micro-dollars added to it) that was ever recorded."""


@dataclass(slots=True)
class KeepOpen:
    """Opens the gate when the books are complete, and only then: after a restart, a failover, a loss of Redis they are
    raised to what the ledger says, and every living process puts back what it holds and the ledger does not know yet.
    One process does it at a time; if it dies, its lock ends and another begins anew."""

    gate: Gate
    read_ledger: ReadLedger
    lapsed: Callable[[Lapsed], None]
    now: Callable[[], datetime]

    async def run(self, stop: asyncio.Event) -> None:
        """Look twice a second until `stop` is set: is the gate open, has a lease lapsed?"""
        while not stop.is_set():
            try:
                await self.look()
            except (GateClosed, RetryLater, RedisError) as error:
                self.gate.opened.clear()
                log.warning("cost_gate.closed", reason=str(error)[:200])
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """One look: sweep where the books are complete, else help to complete them. Raises GateClosed, RetryLater."""
        gate = self.gate
        run_id = await ask_run_id(gate.redis)
        async with closed_when_redis_is_gone():
            marker = await gate.redis.get(OPEN)
        if marker is not None and _text(marker) == run_id == gate.run_id:
            if not gate.opened.is_set():
                await gate.put_back()
                gate.opened.set()
            for lapsed in await gate.sweep(now=self.now(), count_max=_SWEEP_MAX):
                self.lapsed(lapsed)
            return
        gate.opened.clear()
        await gate.put_back()
        await self._rebuild(run_id)

    async def _rebuild(self, run_id: str) -> None:
        token, redis = secrets.token_hex(8), self.gate.redis
        async with closed_when_redis_is_gone():
            if not await redis.set(REBUILD_LOCK, token, nx=True, ex=_LOCK_SECONDS):
                return
            log.warning("cost_gate.rebuild", run_id=run_id)
            begun = asyncio.get_running_loop().time()
            sums = await self._ledger_sums(token)
            await self._raise_books(sums)
            if sums:  # Where nothing was ever spent, nobody holds anything that could be forgotten for good.
                await asyncio.sleep(max(GRACE_SECONDS - (asyncio.get_running_loop().time() - begun), 0))
            await self.gate.put_back()
            if run_id == self.gate.run_id and await redis.eval(_OPEN_IF_MINE, 2, REBUILD_LOCK, OPEN, token, run_id):
                self.gate.opened.set()
                log.info("cost_gate.open", books=len(sums), seconds=round(asyncio.get_running_loop().time() - begun, 1))

    async def _ledger_sums(self, token: str) -> dict[str, int]:
        """What each book must hold at least; the lock is kept meanwhile."""
        sums: dict[str, int] = {}
        refreshed = asyncio.get_running_loop().time()
        async for book, spent in self.read_ledger():
            sums[book] = sums.get(book, 0) + spent
            if asyncio.get_running_loop().time() - refreshed > _LOCK_SECONDS / 3:
                refreshed = asyncio.get_running_loop().time()
                if not await self.gate.redis.eval(_STILL_MINE, 1, REBUILD_LOCK, token, _LOCK_SECONDS):
                    raise GateClosed("cost gate is closed: another process rebuilds its books")
        now = self.now()
        return {book: spent for book, spent in sums.items() if not is_over(book, now)}

    async def _raise_books(self, sums: dict[str, int]) -> None:
        books = list(sums)
        for at in range(0, len(books), _BOOKS_PER_COMMAND):
            some = books[at : at + _BOOKS_PER_COMMAND]
            figures = [figure for book in some for figure in (sums[book], keep_seconds(book))]
            await self.gate.batch.run(RAISE, [key_of(book) for book in some], list(figures))


def _text(part: bytes | str) -> str:
    return part.decode() if isinstance(part, bytes) else part
