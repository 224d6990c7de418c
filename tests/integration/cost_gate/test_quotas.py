"""Are calls counted exactly, up to the last one that a quota allows?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.cost_gate.open_gate import nothing_recorded, open_gate
from tests.support.start_servers import RedisServer

from cost_gate import (
    Ask,
    Balance,
    Gate,
    KeepOpen,
    Lapsed,
    LedgerDelta,
    Limited,
    OverQuota,
    Quota,
    Refused,
    Reserved,
    Scope,
    ScopeKind,
    Standing,
    Window,
)
from cost_gate.rebuild import ReadLedger

NOW = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
HOURLY = Quota("acme/shop.pay", 1, Window.HOUR)
DAILY = Quota("shop.pay", 50, Window.DAY)
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1", 1_000)
Answer = Reserved | OverQuota | Refused | Limited


@pytest.fixture
async def gates(redis_server: RedisServer) -> AsyncIterator[tuple[Gate, Gate]]:
    """As two processes have them: with connections and memories of their own."""
    async with open_gate(redis_server.url, empty=True) as one, open_gate(redis_server.url) as other:
        yield one, other


async def take(gate: Gate, id: str, *quotas: Quota, at: datetime = NOW, cost: int = 0) -> Answer:
    scopes = [EXECUTION] if cost else []
    return await gate.reserve(Ask(id, scopes, cost, quotas=quotas), lease_seconds=60, now=at)


async def test_two_hundred_parallel_callers_on_two_gates_get_exactly_the_quota(gates: tuple[Gate, Gate]) -> None:
    async def call(number: int) -> bool:
        """Every second call turns out not to be made: its place is for another one."""
        gate, id = gates[number % 2], f"acme/{number}/tool"
        while not isinstance(await take(gate, id, DAILY), Reserved):
            _, held = await gate.load_calls(DAILY, now=NOW)
            if held == 0:
                return False
        if number % 4 < 2:
            await gate.release(id)
            return False
        await gate.settle(id, 0)
        return True

    made = await asyncio.gather(*map(call, range(200)))
    assert sum(made) == 50
    assert await gates[0].load_calls(DAILY, now=NOW) == (50, 0)


async def test_a_refusal_says_which_quota_how_much_and_until_when(gates: tuple[Gate, Gate]) -> None:
    gate, _ = gates
    await take(gate, "r1", DAILY, HOURLY)
    ends = datetime(2026, 2, 1, tzinfo=UTC)
    assert await take(gate, "r2", DAILY, HOURLY) == OverQuota(HOURLY, 0, 1, ends, could_fit_later=True)
    await gate.settle("r1", 0)
    assert await take(gate, "r2", DAILY, HOURLY) == OverQuota(HOURLY, 1, 0, ends)
    assert await gate.load_calls(DAILY, now=NOW) == (1, 0)


@pytest.mark.parametrize(("window", "ends"), [(Window.HOUR, 1), (Window.DAY, 1), (Window.MONTH, 1)])
async def test_a_new_window_starts_from_nothing(gates: tuple[Gate, Gate], window: Window, ends: int) -> None:
    gate, quota = gates[0], Quota("x", 1, window)
    await take(gate, "r1", quota)
    refused = await take(gate, "r2", quota, at=NOW + timedelta(minutes=29))
    assert isinstance(refused, OverQuota) and refused.resets_at == datetime(2026, 2, ends, tzinfo=UTC)
    assert isinstance(await take(gate, "r2", quota, at=refused.resets_at), Reserved)


async def test_no_call_is_taken_when_there_is_no_money_and_no_money_when_there_is_no_call(
    gates: tuple[Gate, Gate],
) -> None:
    gate, _ = gates
    assert isinstance(await take(gate, "r1", DAILY, cost=1_001), Refused)
    assert await gate.load_calls(DAILY, now=NOW) == (0, 0)
    await take(gate, "r2", HOURLY, cost=100)
    assert isinstance(await take(gate, "r3", HOURLY, cost=100), OverQuota)
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 100, 0)


async def test_a_call_that_nobody_settled_counts_and_one_found_not_made_is_given_back(gates: tuple[Gate, Gate]) -> None:
    gate, _ = gates
    await take(gate, "r1", HOURLY)
    [lapsed] = await gate.sweep(now=NOW + timedelta(seconds=61))
    assert lapsed.quotas == ("calls:acme/shop.pay@hour=2026-01-31T23",)
    assert await gate.load_calls(HOURLY, now=NOW) == (1, 0)
    assert (await gate.release("r1")).calls == -1
    assert isinstance(await take(gate, "r1", HOURLY), Reserved)


async def test_who_took_a_reservation_over_keeps_it_when_its_first_owner_gives_it_back(
    gates: tuple[Gate, Gate],
) -> None:
    first, second = gates
    await take(first, "r1", HOURLY, cost=100)
    again = await take(second, "r1", HOURLY, cost=100)
    assert isinstance(again, Reserved) and again.standing is Standing.HELD
    assert (await first.release("r1")).before is Standing.TAKEN_OVER
    assert (await second.settle("r1", 70)).spent_microdollars == 70
    assert await first.load_calls(HOURLY, now=NOW) == (1, 0)


async def test_what_another_process_has_closed_is_forgotten_after_its_lease(gates: tuple[Gate, Gate]) -> None:
    first, second = gates
    for gate in gates:
        await take(gate, "r1", HOURLY)
    await second.settle("r1", 0)
    second.recorded("r1")
    for seconds, remembered in ((100, {"r1"}), (121, set())):
        at = NOW + timedelta(seconds=seconds)
        await KeepOpen(first, nothing_recorded, lambda _: None, lambda at=at: at).look()  # type: ignore[misc]
        assert first.holds.keys() == remembered
    assert await first.load_calls(HOURLY, now=NOW) == (1, 0)


def ledger(*deltas: LedgerDelta) -> ReadLedger:
    async def read():  # type: ignore[no-untyped-def]
        for delta in deltas:
            yield delta

    return read


async def test_quotas_are_rebuilt_from_the_ledger_and_from_who_still_calls(gates: tuple[Gate, Gate]) -> None:
    gate, other = gates
    lapsed: list[Lapsed] = []
    for id in ("settled", "stored", "held", "released"):
        await take(gate if id != "held" else other, id, DAILY)
    await gate.settle("settled", 0)
    await gate.settle("stored", 0)
    await gate.release("released")
    await gate.redis.flushall()
    book = "calls:shop.pay@day=2026-01-31"
    read = ledger(LedgerDelta(book, 7), LedgerDelta(book, 1, "stored"), LedgerDelta("calls:x@hour=2025-12-01T01", 9))
    keeper = KeepOpen(gate, read, lapsed.append, lambda: NOW)
    await asyncio.gather(keeper.look(), _looks(other))
    assert await gate.load_calls(DAILY, now=NOW) == (9, 1)


async def _looks(gate: Gate) -> None:
    """Another process, which looks until the books are open."""
    keeper = KeepOpen(gate, nothing_recorded, lambda _: None, lambda: NOW)
    gate.opened.clear()
    while not gate.opened.is_set():
        await asyncio.sleep(0.2)
        await keeper.look()


@pytest.mark.parametrize(("calls_max", "window"), [(-1, Window.DAY), (10**10, Window.DAY), (1, Window.TOTAL)])
def test_a_quota_that_says_nothing_is_refused(calls_max: int, window: Window) -> None:
    with pytest.raises(ValueError, match="of quota x is"):
        Quota("x", calls_max, window)
