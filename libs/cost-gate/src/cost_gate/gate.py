"""May this much money be spent, and what was spent in the end?"""

import asyncio
import secrets
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cost_gate.ask import Ask, check_amount
from cost_gate.batch import Arguments, Batch
from cost_gate.books import LEASES, OPEN, book_in, book_of, key_of, quota_book, rate_key, record_key, reservation_in
from cost_gate.closed import GateClosed, closed, closed_when_redis_is_gone, connect_redis
from cost_gate.holds import Hold, put_back_keys, put_back_values
from cost_gate.outcomes import Balance, Lapsed, Limited, OverQuota, Refused, Reserved, Settlement, Standing
from cost_gate.quotas import Quota, resets_at
from cost_gate.scopes import Scope
from cost_gate.scripts import PUT_BACK, RESERVE, SETTLE, SWEEP

FORGET_MS = 60_000


@dataclass(slots=True)
class Gate:
    """The gate as one process sees it. Nothing is reserved unless the server that answers is the one whose books are
    known to be complete (`keep_open` in rebuild.py sees to that)."""

    redis: Redis
    batch: Batch
    mark: str = ""
    """Of the books that this process knows to be complete; empty while it knows of none."""
    asker: str = field(default_factory=lambda: secrets.token_hex(6))
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the books are known to be complete; for readiness, decides nothing."""
    holds: dict[str, Hold] = field(default_factory=dict)
    _giving_back: set[asyncio.Task[None]] = field(default_factory=set)

    async def reserve(
        self, ask: Ask, *, lease_seconds: float, now: datetime
    ) -> Reserved | OverQuota | Refused | Limited:
        """Take the amount from all scopes, a call from all quotas, and a place within all rates, or nothing at all. A
        lease not settled in time counts in full. Raises GateClosed when the books are not known, ValueError as
        `Ask.check` does."""
        ask.check()
        books, quotas = ask.books(now), ask.quota_books(now)
        now_ms = int(now.timestamp() * 1000)
        lapses_ms = now_ms + int(lease_seconds * 1000)
        keys = [OPEN, LEASES, record_key(ask.reservation_id), *map(key_of, books + quotas), *map(rate_key, ask.rates)]
        amounts, counts = (ask.amount_microdollars, ask.least_microdollars), (len(books), len(quotas))
        head: Arguments = [self.mark, *amounts, lapses_ms, now_ms, ask.tokens, *counts, self.asker]
        hold = Hold(books, ask.amount_microdollars, lapses_ms, quotas)
        answer = await self._held_while_asked(ask.reservation_id, hold, keys, [*head, *ask.limits(books, quotas)])
        kind = _text(answer[0])
        if kind != "reserved":
            return _refusal(answer, kind, ask, now)
        return Reserved(ask.reservation_id, _number(answer[2]), Standing(_text(answer[1])))

    async def settle(
        self, reservation_id: str, actual_microdollars: int, *, tokens_actual: int | None = None
    ) -> Settlement:
        """Count what was really spent instead of what was held; the first settlement of a reservation wins. With
        `tokens_actual` the buckets of tokens are set right. Raises GateClosed."""
        check_amount(actual_microdollars)
        return await self._close(reservation_id, Standing.SETTLED, actual_microdollars, tokens_actual)

    async def release(self, reservation_id: str) -> Settlement:
        """Give everything back: the call is known not to have been made, the money not to have been spent."""
        return await self._close(reservation_id, Standing.RELEASED, 0, 0)

    def recorded(self, reservation_id: str) -> None:
        """Its entry is in the ledger: should the books be lost, they know it from there. To be called for every
        settlement that added something, else it is kept in memory."""
        self.holds.pop(reservation_id, None)

    async def sweep(self, *, now: datetime, count_max: int = 1000) -> list[Lapsed]:
        """Count lapsed leases at their maximum, at most `count_max`; the caller records them."""
        arguments: Arguments = [self.mark, int(now.timestamp() * 1000), count_max]
        answer = await self.batch.run(SWEEP, [OPEN, LEASES], arguments)
        parts = [answer[at : at + 4] for at in range(0, len(answer), 4)]
        return [
            Lapsed(reservation_in(_text(key)), _number(amount), _books(books), _books(quotas))
            for key, amount, books, quotas in parts
        ]

    def forget_lapsed(self, *, now: datetime) -> None:
        """Stop remembering what lapsed a minute ago unsettled: sweeps have counted it by now, or whoever asked for the
        same reservation after us has closed it. Put back, it would count twice."""
        before_ms = int(now.timestamp() * 1000) - FORGET_MS
        for id, hold in list(self.holds.items()):
            if hold.added_microdollars is None and hold.lapses_ms < before_ms:
                del self.holds[id]

    async def load_balance(self, scope: Scope, *, now: datetime) -> Balance:
        """What the scope has spent and holds now, within its window."""
        return await self._load(book_of(scope, now))

    async def load_calls(self, quota: Quota, *, now: datetime) -> tuple[int, int]:
        """How many calls of the quota have been made, and are on their way, within its window."""
        balance = await self._load(quota_book(quota, now))
        return balance.spent_microdollars, balance.held_microdollars

    async def _load(self, book: str) -> Balance:
        async with closed_when_redis_is_gone():
            reading = self.redis.hmget(key_of(book), ["spent", "held", "overrun"])
            sums = await cast("Awaitable[list[bytes | None]]", reading)
        spent, held, overrun = (int(figure or 0) for figure in sums)
        return Balance(spent, held, overrun)

    async def put_back(self, *, mark: str = "", token: str = "") -> None:
        """Put into the books what this process holds and they have lost: into those that are open under `mark`, or
        while the rebuilding `token` is on its way. Raises GateClosed."""
        putting = (
            self.batch.run(PUT_BACK, put_back_keys(id, hold, token), [mark, token, *put_back_values(id, hold)])
            for id, hold in list(self.holds.items())
            if hold.granted
        )
        await asyncio.gather(*putting)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    async def _held_while_asked(
        self, reservation_id: str, hold: Hold, keys: list[str], arguments: Arguments
    ) -> list[object]:
        """The answer; a reservation of ours is remembered from it on. One that this process had already stays as is."""
        ours = reservation_id not in self.holds
        self.holds.setdefault(reservation_id, hold)
        try:
            answer = await self.batch.run(RESERVE, keys, [orjson.dumps(arguments)])
        except asyncio.CancelledError:
            if ours:
                self._give_back(reservation_id)
            raise
        except (GateClosed, RedisError):
            if ours:  # It may be reserved: then its lease lapses.
                self.holds.pop(reservation_id, None)
            raise
        if ours and _text(answer[0]) == "reserved" and _text(answer[1]) in (Standing.NEW, Standing.HELD):
            hold.amount_microdollars, hold.granted = _number(answer[2]), True
        elif ours:
            self.holds.pop(reservation_id, None)
        return answer

    def _give_back(self, reservation_id: str) -> None:
        """The caller of a reservation went away before it was answered: nothing will be called. Its release comes
        after it in the same queue; if it does not arrive, the lease lapses."""

        async def give_back() -> None:
            with suppress(GateClosed):
                await self.release(reservation_id)
            self.holds.pop(reservation_id, None)

        task = asyncio.create_task(give_back())
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _close(
        self, reservation_id: str, standing: Standing, actual: int, tokens_actual: int | None
    ) -> Settlement:
        hold = self.holds.get(reservation_id)
        asker = self.asker if hold is not None and hold.added_microdollars is None else ""
        keys = [OPEN, LEASES, record_key(reservation_id)]
        tokens = "" if tokens_actual is None else tokens_actual
        answer = await self.batch.run(SETTLE, keys, [self.mark, standing.value, actual, tokens, asker])
        if _text(answer[0]) == "closed":
            raise closed("its books are not known to be complete")
        before, overrun, added, amount, books, calls, quotas = answer
        settlement = Settlement(
            reservation_id,
            Standing(_text(before)),
            _number(overrun),
            spent_microdollars=_number(added),
            reserved_microdollars=_number(amount),
            books=_books(books),
            calls=_number(calls),
            quotas=_books(quotas),
        )
        if settlement.spent_microdollars == 0 and settlement.calls == 0:
            self.holds.pop(reservation_id, None)  # The ledger lacks nothing without it.
        elif hold is not None:
            hold.added_microdollars, hold.calls_added = settlement.spent_microdollars, settlement.calls
        return settlement


def connect_gate(url: str, *, connections_max: int = 16) -> Gate:
    """A gate over the Redis at `url`; it opens by `keep_open`."""
    gate: Gate

    def on_server(run_id: str) -> None:
        if not gate.mark.startswith(f"{run_id}/"):
            gate.opened.clear()
            gate.mark = ""

    redis = connect_redis(url, connections_max=connections_max, on_server=on_server)
    gate = Gate(redis, Batch(redis))
    return gate


def _refusal(answer: Sequence[object], kind: str, ask: Ask, now: datetime) -> OverQuota | Refused | Limited:
    if kind == "closed":
        raise closed("its books are not known to be complete")
    if kind == "limited":
        return Limited(ask.rates[_number(answer[1])], _text(answer[2]), _number(answer[3]) / 1000)
    which, spent, held, later = map(_number, answer[1:5])
    if kind == "over_quota":
        quota = ask.quotas[which]
        return OverQuota(quota, spent, held, resets_at(quota.window, now), could_fit_later=bool(later))
    scope = ask.scopes[which]
    assert isinstance(scope.cap_microdollars, int)
    return Refused(scope, scope.cap_microdollars, spent, held, could_fit_later=bool(later))


def _books(part: object) -> tuple[str, ...]:
    keys: Iterable[str] = orjson.loads(_text(part)) or ()
    return tuple(book_in(key) for key in keys)


def _text(part: object) -> str:
    return part.decode() if isinstance(part, bytes) else str(part)


def _number(part: object) -> int:
    assert isinstance(part, int | str | bytes)
    return int(part)
