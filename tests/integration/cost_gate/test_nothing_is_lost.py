"""Do books and ledger agree to the micro-dollar after Redis was emptied, killed or replaced under load?"""

import asyncio
import random
import shutil
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest
from tests.integration.cost_gate.open_gate import nothing_recorded, open_gate
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from cost_gate import (
    Ask,
    Balance,
    Gate,
    GateClosed,
    KeepOpen,
    Lapsed,
    LedgerDelta,
    Limited,
    Refused,
    Reserved,
    Scope,
    ScopeKind,
    Standing,
    connect_gate,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1", 1_000)
BOOK = "execution:acme/e1"


@dataclass
class Ledger:
    """As the log keeps it: an entry is stored a moment after its settlement, and acknowledged another moment later."""

    deltas: list[LedgerDelta] = field(default_factory=list)
    storing: set[asyncio.Task[None]] = field(default_factory=set)

    async def read(self) -> AsyncGenerator[LedgerDelta, None]:
        for delta in list(self.deltas):
            yield delta

    def lapsed(self, lapsed: Lapsed) -> None:
        self.deltas += [LedgerDelta(book, lapsed.amount_microdollars) for book in lapsed.books]

    def settled(self, gate: Gate, id: str, books: tuple[str, ...], spent: int) -> None:
        async def store() -> None:
            await asyncio.sleep(random.uniform(0, 0.2))
            self.deltas += [LedgerDelta(book, spent, id) for book in books]
            await asyncio.sleep(random.uniform(0, 0.2))
            gate.recorded(id)

        task = asyncio.create_task(store())
        self.storing.add(task)
        task.add_done_callback(self.storing.discard)

    @property
    def spent(self) -> int:
        return sum(delta.spent for delta in self.deltas if delta.book == BOOK)


def keeper(gate: Gate, ledger: Ledger) -> KeepOpen:
    return KeepOpen(gate, ledger.read, ledger.lapsed, lambda: NOW)


async def take(gate: Gate, id: str, amount: int) -> Reserved | Refused | Limited:
    return await gate.reserve(Ask(id, [EXECUTION], amount), lease_seconds=60, now=NOW)


async def test_what_is_settled_but_not_recorded_is_added_to_what_the_ledger_says(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        await take(gate, "r1", 300)
        await gate.settle("r1", 120)
        await gate.redis.flushall()
        await keeper(gate, Ledger([LedgerDelta(BOOK, 550)])).look()
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(670, 0, 0)


async def test_what_is_recorded_but_not_acknowledged_is_counted_once(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        await take(gate, "r1", 300)
        await gate.settle("r1", 120)
        await gate.redis.flushall()
        await keeper(gate, Ledger([LedgerDelta(BOOK, 550), LedgerDelta(BOOK, 120, "r1")])).look()
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(670, 0, 0)


async def test_a_process_that_slept_through_a_rebuilding_is_closed_until_it_has_put_back(
    redis_server: RedisServer,
) -> None:
    ledger = Ledger()
    async with open_gate(redis_server.url, empty=True) as awake, open_gate(redis_server.url) as asleep:
        await take(asleep, "r1", 700)
        await awake.redis.flushall()
        await keeper(awake, ledger).look()
        with pytest.raises(GateClosed):
            await take(asleep, "r2", 1)
        with pytest.raises(GateClosed):
            await asleep.settle("r1", 600)
        await keeper(asleep, ledger).look()
        assert isinstance(await take(awake, "r3", 400), Refused)
        assert (await asleep.settle("r1", 600)).spent_microdollars == 600


async def test_who_lost_the_answer_to_a_settlement_gets_it_again(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        await take(gate, "r1", 300)
        lost = asyncio.create_task(gate.settle("r1", 120))
        await asyncio.sleep(0)
        lost.cancel()
        with suppress(asyncio.CancelledError):
            await lost
        again = await gate.settle("r1", 120)
        assert (again.before, again.spent_microdollars, again.books) == (Standing.HELD, 120, (BOOK,))
        assert (await gate.settle("r1", 120)).before is Standing.SETTLED
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(120, 0, 0)


async def test_a_refused_or_finished_reservation_is_not_remembered(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate, open_gate(redis_server.url) as other:
        await take(gate, "r1", 2_000)
        await take(other, "r2", 100)
        await other.settle("r2", 50)
        await take(gate, "r2", 100)
        await take(gate, "r3", 100)
        await gate.release("r3")
        assert not gate.holds


async def spend(gate: Gate, ledger: Ledger, name: str, *, until: Callable[[], bool]) -> set[str]:
    """Calls one after the other; a settlement is asked for until it is answered. The reservations that were not."""
    number, unanswered = 0, set[str]()
    while not until():
        number += 1
        id = f"{name}/{number}"
        try:
            answer = await take(gate, id, 100)
        except GateClosed:
            unanswered.add(id)
            await asyncio.sleep(0.05)
            continue
        if not isinstance(answer, Reserved):
            await asyncio.sleep(0.01)
            continue
        await asyncio.sleep(random.uniform(0, 0.1))
        await settle_surely(gate, ledger, id, random.randint(0, 3))
    return unanswered


async def held(gate: Gate) -> set[str]:
    """The reservations that hold money, as Redis has them."""
    keys = [key async for key in gate.redis.scan_iter("{cost}:reservation:*")]
    standings = [await gate.redis.hget(key, "standing") for key in keys]  # type: ignore[misc]
    pairs = zip(keys, standings, strict=True)
    return {key.decode().partition("reservation:")[2] for key, standing in pairs if standing == b"held"}


async def settle_surely(gate: Gate, ledger: Ledger, id: str, actual: int) -> None:
    while True:
        try:
            settlement = await gate.settle(id, actual)
        except GateClosed:
            await asyncio.sleep(0.05)
            continue
        assert settlement.before in (Standing.HELD, Standing.LAPSED)
        ledger.settled(gate, id, settlement.books, settlement.spent_microdollars)
        return


async def empty(server: RedisServer, gate: Gate) -> None:
    await gate.redis.flushall()


async def kill(server: RedisServer, gate: Gate) -> None:
    server.kill()
    server.start()  # It may be started from the main thread only.


async def replace(server: RedisServer, gate: Gate) -> None:
    """Another server without the data, at the same address."""
    server.kill()
    kept = list(server.child.command.log_file.parent.glob("appendonly*"))  # A file up to Redis 6, then a folder.
    assert kept
    for one in kept:
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    server.start()  # It may be started from the main thread only.


@pytest.mark.parametrize("disaster", [empty, kill, replace])
async def test_books_equal_the_ledger_after_a_disaster_under_load(
    own_redis_server: RedisServer, disaster: Callable[[RedisServer, Gate], object]
) -> None:
    ledger, stop, done = Ledger([LedgerDelta(BOOK, 100)]), asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        gates = [await stack.enter_async_context(open_gate(own_redis_server.url)) for _ in range(2)]
        await gates[0].redis.delete("{cost}:open")  # The entry that is in the ledger from the beginning.
        keeping = [asyncio.create_task(keeper(gate, ledger).run(stop)) for gate in gates]
        spending = [
            asyncio.create_task(spend(gate, ledger, f"{index}/{caller}", until=done.is_set))
            for index, gate in enumerate(gates)
            for caller in range(10)
        ]
        await wait_until(lambda: len(ledger.deltas) > 100, timeout_seconds=20)
        await disaster(own_redis_server, gates[0])  # type: ignore[misc]
        recorded = len(ledger.deltas)
        await wait_until(lambda: len(ledger.deltas) > recorded + 100, timeout_seconds=30)
        done.set()
        unanswered = set[str]().union(*await asyncio.gather(*spending))
        await wait_until(lambda: not ledger.storing)
        # What was granted by a server that was killed before it said so is held until its lease is over.
        assert (left := await held(gates[0])) <= unanswered and (disaster is kill or not left)
        assert await gates[0].load_balance(EXECUTION, now=NOW) == Balance(ledger.spent, 100 * len(left), 0)
        for lapsed in await gates[0].sweep(now=NOW + timedelta(seconds=61)):
            ledger.lapsed(lapsed)
        assert await gates[0].load_balance(EXECUTION, now=NOW) == Balance(ledger.spent, 0, 0)
        assert not any(gate.holds for gate in gates)
        stop.set()
        await asyncio.gather(*keeping)


def reserved_in_a_process(url: str, name: str) -> int:
    """How many of 200 callers at once are granted 10 of the 1,000."""

    async def reserve_all() -> int:
        gate = connect_gate(url)
        await KeepOpen(gate, nothing_recorded, lambda _: None, lambda: NOW).look()
        answers = await asyncio.gather(*(take(gate, f"{name}/{i}", 10) for i in range(200)))
        await gate.aclose()
        return sum(isinstance(answer, Reserved) for answer in answers)

    return asyncio.run(reserve_all())


async def test_three_processes_with_two_hundred_callers_each_get_exactly_the_budget(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
            asking = [pool.submit(reserved_in_a_process, redis_server.url, f"p{i}") for i in range(3)]
            granted = await asyncio.gather(*map(asyncio.wrap_future, asking))
        assert sum(granted) == 100
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 1_000, 0)


async def test_a_fault_of_ours_ends_one_trip_and_nobody_waits_for_ever(redis_server: RedisServer) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        bad = asyncio.create_task(gate.batch.run("return {1}", [], [object()]))  # type: ignore[list-item]
        good = asyncio.create_task(take(gate, "r1", 1))
        async with asyncio.timeout(5):
            answers = await asyncio.gather(bad, good, return_exceptions=True)
        assert isinstance(answers[0], Exception)
        assert isinstance(await take(gate, "r2", 1), Reserved)
