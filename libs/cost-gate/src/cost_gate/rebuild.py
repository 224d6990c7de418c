"""When are the books complete, and how are they made complete again after Redis lost them?"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson
import structlog
from redis.exceptions import RedisError

from cost_gate.books import OPEN, REBUILD_LOCK, book_in, is_over, keep_seconds, key_of, round_key
from cost_gate.closed import GateClosed, ask_run_id, closed, closed_when_redis_is_gone
from cost_gate.gate import Gate
from cost_gate.outcomes import Lapsed
from cost_gate.scripts import OPEN_IF_MINE, RAISE, STILL_MINE
from service_kit.errors import RetryLater

log = structlog.get_logger()
EVERY_SECONDS = 0.5
# Every living process looks at the books at least this often, and puts back what it holds when they are closed.
GRACE_SECONDS = 3.0
_LOCK_SECONDS = 8
_BOOKS_PER_COMMAND = 200
_SWEEP_MAX = 1_000


class LedgerDelta(NamedTuple):
    """What one entry of the ledger added to one book: micro-dollars, or calls where the book is a quota's. `settles` is
    the reservation whose settlement it is; empty for one that lapsed."""

    book: str
    spent: int
    settles: str = ""


ReadLedger = Callable[[], AsyncGenerator[LedgerDelta, None]]
"""Everything that was ever recorded and is stored by now."""
Reports = dict[str, dict[str, int]]
"""By reservation what its settlement added to each book, as its holder says."""


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
            mark, token = map(_text, await gate.redis.mget(OPEN, REBUILD_LOCK))
        if not mark.startswith(f"{run_id}/"):
            gate.opened.clear()
            gate.mark = ""
            await self._complete(run_id, token)
            return
        if mark != gate.mark:  # Somebody has completed them, perhaps while this process stood still.
            await gate.put_back(mark=mark)
            gate.mark = mark
        gate.opened.set()
        for lapsed in await gate.sweep(now=self.now(), count_max=_SWEEP_MAX):
            self.lapsed(lapsed)
        gate.forget_lapsed(now=self.now())

    async def _complete(self, run_id: str, others_token: str) -> None:
        if others_token:
            await self.gate.put_back(token=others_token)
            return
        token, begun = secrets.token_hex(8), asyncio.get_running_loop().time()
        async with closed_when_redis_is_gone():
            if not await self.gate.redis.set(REBUILD_LOCK, token, nx=True, ex=_LOCK_SECONDS):
                return
            log.warning("cost_gate.rebuild", run_id=run_id)
            await self.gate.put_back(token=token)
            if await self._something_was_spent():  # Else nobody holds anything that could be forgotten for good.
                await asyncio.sleep(GRACE_SECONDS)
            mark = f"{run_id}/{token}"
            while not await self._opened(mark, token):
                continue
        self.gate.mark = mark
        self.gate.opened.set()
        log.info("cost_gate.open", seconds=round(asyncio.get_running_loop().time() - begun, 1))

    async def _opened(self, mark: str, token: str) -> bool:
        """Whether the books could be opened; False if another holder has reported meanwhile. The reports are read
        before the ledger: what is recorded in between is then seen in both and counted once."""
        redis = self.gate.redis
        await self.gate.put_back(token=token)
        reports = _reports(await redis.hgetall(round_key(token)))
        await self._raise_books(await self._sums(token, reports))
        answer = await redis.eval(OPEN_IF_MINE, 3, REBUILD_LOCK, OPEN, round_key(token), token, mark, len(reports))
        if answer == 0:
            raise closed("another process rebuilds its books")
        return bool(answer == 1)

    async def _something_was_spent(self) -> bool:
        async with aclosing(self.read_ledger()) as deltas:
            async for _ in deltas:
                return True
        return False

    async def _sums(self, token: str, reports: Reports) -> dict[str, int]:
        """What each book must hold at least; the lock is kept meanwhile."""
        sums: dict[str, int] = {}
        missing, loop = dict(reports), asyncio.get_running_loop()
        await self._keep_lock(token)
        kept = loop.time()
        async for book, spent, settles in self.read_ledger():
            sums[book] = sums.get(book, 0) + spent
            missing.pop(settles, None)
            if loop.time() - kept > _LOCK_SECONDS / 4:
                kept = loop.time()
                await self._keep_lock(token)
        await self._keep_lock(token)
        for report in missing.values():
            for book, added in report.items():
                sums[book] = sums.get(book, 0) + added
        now = self.now()
        return {book: spent for book, spent in sums.items() if not is_over(book, now)}

    async def _keep_lock(self, token: str) -> None:
        if not await self.gate.redis.eval(STILL_MINE, 1, REBUILD_LOCK, token, _LOCK_SECONDS):
            raise closed("another process rebuilds its books")

    async def _raise_books(self, sums: dict[str, int]) -> None:
        books = list(sums)
        for at in range(0, len(books), _BOOKS_PER_COMMAND):
            some = books[at : at + _BOOKS_PER_COMMAND]
            figures = [figure for book in some for figure in (sums[book], keep_seconds(book))]
            await self.gate.batch.run(RAISE, [key_of(book) for book in some], list(figures))


def _reports(hash: Mapping[bytes | str, bytes | str]) -> Reports:
    reports: Reports = {}
    for reservation_id, report in hash.items():
        added, keys, calls, quota_keys = orjson.loads(report)
        of_books = {book_in(key): int(added) for key in orjson.loads(keys)}
        reports[_text(reservation_id)] = of_books | {book_in(key): int(calls) for key in orjson.loads(quota_keys)}
    return reports


def _text(part: bytes | str | None) -> str:
    return part.decode() if isinstance(part, bytes) else part or ""
