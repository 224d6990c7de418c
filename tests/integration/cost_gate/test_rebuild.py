"""Does a call ever pass uncounted after Redis was restarted, replaced or emptied?"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

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
    Reserved,
    Scope,
    ScopeKind,
    Standing,
    Window,
)
from cost_gate.rebuild import ReadLedger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1", 1_000)
DAILY = Scope(ScopeKind.TENANT, "acme/acme", 5_000, Window.DAY)


def keeper(gate: Gate, read: ReadLedger = nothing_recorded) -> KeepOpen:
    lapsed: list[Lapsed] = []
    return KeepOpen(gate, read, lapsed.append, lambda: NOW)


async def recorded() -> AsyncGenerator[LedgerDelta, None]:
    """A ledger: settled, lapsed and corrected, and a day long past."""
    for entry in (
        ("execution:acme/e1", 300),
        ("execution:acme/e1", 400),
        ("execution:acme/e1", -150),
        ("tenant:acme/acme@day=2026-01-01", 550),
        ("tenant:acme/acme@day=2025-11-01", 9_000),
    ):
        yield LedgerDelta(*entry)


async def take(gate: Gate, id: str, amount: int) -> Reserved:
    answer = await gate.reserve(Ask(id, [EXECUTION], amount), lease_seconds=60, now=NOW)
    assert isinstance(answer, Reserved)
    return answer


async def is_closed(gate: Gate) -> bool:
    try:
        await take(gate, "probe", 1)
    except GateClosed:
        return True
    return False


async def opened_again(gate: Gate) -> None:
    """As a process does it: looking twice a second."""
    stop = asyncio.Event()
    gate.opened.clear()
    running = asyncio.create_task(keeper(gate, recorded).run(stop))
    await wait_until(gate.opened.is_set, timeout_seconds=20)
    stop.set()
    await running


async def test_an_emptied_redis_is_closed_until_the_ledger_is_in_the_books(own_redis_server: RedisServer) -> None:
    async with open_gate(own_redis_server.url, empty=True) as gate:
        await take(gate, "r1", 100)
        await gate.redis.flushall()
        assert await is_closed(gate)
        await keeper(gate, recorded).look()
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(550, 100, 0)
        assert await gate.load_balance(DAILY, now=NOW) == Balance(550, 0, 0)
        assert (await take(gate, "r1", 100)).standing is Standing.HELD


async def test_a_killed_redis_is_closed_until_it_was_looked_through_and_loses_nothing(
    own_redis_server: RedisServer,
) -> None:
    async with open_gate(own_redis_server.url, empty=True) as gate:
        await take(gate, "r1", 100)
        await gate.settle("r1", 60)
        await take(gate, "r2", 100)
        own_redis_server.kill()
        assert await is_closed(gate)
        own_redis_server.restart()
        assert await is_closed(gate)
        await opened_again(gate)
        # The ledger does not know of the 60 yet.
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(610, 100, 0)
        assert not await is_closed(gate)


async def test_books_that_know_more_than_the_ledger_keep_what_they_know(own_redis_server: RedisServer) -> None:
    async with open_gate(own_redis_server.url, empty=True) as gate:
        await take(gate, "r1", 900)
        await gate.settle("r1", 900)
        gate.recorded("r1")
        own_redis_server.kill()
        own_redis_server.restart()
        await opened_again(gate)
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(900, 0, 0)


async def test_what_another_process_holds_is_put_back_before_the_gate_opens(own_redis_server: RedisServer) -> None:
    async with open_gate(own_redis_server.url, empty=True) as one, open_gate(own_redis_server.url) as other:
        await take(one, "r1", 300)
        await take(other, "r2", 400)
        await one.redis.flushall()
        stop = asyncio.Event()
        one.opened.clear()
        other.opened.clear()
        running = [asyncio.create_task(keeper(gate, recorded).run(stop)) for gate in (one, other)]
        await wait_until(lambda: one.opened.is_set() and other.opened.is_set(), timeout_seconds=20)
        assert await one.load_balance(EXECUTION, now=NOW) == Balance(550, 700, 0)
        stop.set()
        await asyncio.gather(*running)


async def test_a_settlement_that_was_not_recorded_yet_is_put_back_as_spent(own_redis_server: RedisServer) -> None:
    async with open_gate(own_redis_server.url, empty=True) as gate:
        await take(gate, "r1", 300)
        await gate.settle("r1", 120)
        await gate.redis.flushall()
        await keeper(gate).look()
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(120, 0, 0)


async def test_what_is_not_in_the_books_yet_is_settled_later(own_redis_server: RedisServer) -> None:
    async with open_gate(own_redis_server.url, empty=True) as gate:
        await take(gate, "r1", 300)
        await gate.redis.flushall()
        with pytest.raises(GateClosed):
            await gate.settle("r1", 120)
        await keeper(gate).look()
        assert (await gate.settle("r1", 120)).spent_microdollars == 120
        assert await gate.load_balance(EXECUTION, now=NOW) == Balance(120, 0, 0)


async def test_a_process_that_dies_while_it_rebuilds_is_replaced(own_redis_server: RedisServer) -> None:
    async def never_ends() -> AsyncGenerator[LedgerDelta, None]:
        yield LedgerDelta("execution:acme/e1", 1)
        await asyncio.Event().wait()

    async with open_gate(own_redis_server.url, empty=True) as one, open_gate(own_redis_server.url) as other:
        await one.redis.flushall()
        dying = asyncio.create_task(keeper(one, never_ends).look())
        await wait_until(lambda: _locked(one))
        dying.cancel()
        stop = asyncio.Event()
        running = asyncio.create_task(keeper(other, recorded).run(stop))
        assert await is_closed(other)
        other.opened.clear()
        await wait_until(other.opened.is_set, timeout_seconds=25)
        assert await other.load_balance(EXECUTION, now=NOW) == Balance(550, 0, 0)
        stop.set()
        await running


async def _locked(gate: Gate) -> bool:
    return bool(await gate.redis.exists("{cost}:rebuild"))
