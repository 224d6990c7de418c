"""Does the gate count every micro-dollar once, and never give out more than there is?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.cost_gate.open_gate import open_gate
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from cost_gate import (
    UNCAPPED,
    Ask,
    Balance,
    Gate,
    Lapsed,
    Limited,
    Rate,
    RateKind,
    Refused,
    Reserved,
    Scope,
    ScopeKind,
    Standing,
    Window,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1", 1_000)
NODE = Scope(ScopeKind.NODE, "acme/e1/classify", 300)


@pytest.fixture
async def gate(redis_server: RedisServer) -> AsyncIterator[Gate]:
    async with open_gate(redis_server.url, empty=True) as opened:
        yield opened


async def take(
    gate: Gate, id: str, *scopes: Scope, amount: int, at: datetime = NOW, **more: Any
) -> Reserved | Refused | Limited:
    return await gate.reserve(Ask(id, scopes, amount, **more), lease_seconds=60, now=at)


async def test_two_hundred_parallel_reservations_get_exactly_the_budget(gate: Gate) -> None:
    answers = await asyncio.gather(*(take(gate, f"r{i}", EXECUTION, amount=100) for i in range(200)))
    assert sum(isinstance(answer, Reserved) for answer in answers) == 10
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 1_000, 0)


async def test_a_refusal_by_one_scope_takes_nothing_from_the_others(gate: Gate) -> None:
    answer = await take(gate, "r1", EXECUTION, NODE, amount=301)
    assert answer == Refused(NODE, 300, 0, 0)
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 0, 0)


async def test_a_repeated_reservation_takes_nothing_more_and_says_where_the_first_stands(gate: Gate) -> None:
    first = await take(gate, "r1", EXECUTION, amount=400)
    again = await take(gate, "r1", EXECUTION, amount=400)
    assert (first, again) == (Reserved("r1", 400, Standing.NEW), Reserved("r1", 400, Standing.HELD))
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 400, 0)


async def test_a_settlement_counts_the_actual_once(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, NODE, amount=300)
    first = await gate.settle("r1", 120)
    again = await gate.settle("r1", 250)
    assert (first.before, again.before) == (Standing.HELD, Standing.SETTLED)
    assert await gate.load_balance(NODE, now=NOW) == Balance(120, 0, 0)


async def test_a_released_reservation_cost_nothing(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, amount=300)
    await gate.release("r1")
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 0, 0)
    assert (await gate.settle("r1", 300)).before is Standing.RELEASED


async def test_an_overrun_is_debt_that_blocks_the_next_reservation(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, amount=100)
    assert (await gate.settle("r1", 1_500)).overrun_microdollars == 1_400
    assert await take(gate, "r2", EXECUTION, amount=0) == Refused(EXECUTION, 1_000, 1_500, 0)
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(1_500, 0, 1_400)


async def test_a_lapsed_lease_counts_at_its_maximum_until_the_actual_is_known(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, amount=400)
    assert await gate.sweep(now=NOW + timedelta(seconds=59)) == []
    lapsed = await gate.sweep(now=NOW + timedelta(seconds=61))
    assert lapsed == [Lapsed("r1", 400, ("execution:acme/e1",))]
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(400, 0, 0)
    assert (await gate.settle("r1", 150)).before is Standing.LAPSED
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(150, 0, 0)


async def test_a_cap_of_zero_refuses_even_what_is_free(gate: Gate) -> None:
    closed = Scope(ScopeKind.TENANT, "acme", 0)
    assert await take(gate, "r1", closed, amount=0) == Refused(closed, 0, 0, 0)


async def test_a_scope_without_a_cap_counts_and_is_limited_by_the_others(gate: Gate) -> None:
    inheriting = Scope(ScopeKind.WORKFLOW, "acme/returns")
    await take(gate, "r1", inheriting, EXECUTION, amount=900)
    assert isinstance(await take(gate, "r2", inheriting, EXECUTION, amount=200), Refused)
    assert await gate.load_balance(inheriting, now=NOW) == Balance(0, 900, 0)


async def test_a_reservation_that_nothing_limits_must_say_so(gate: Gate) -> None:
    with pytest.raises(ValueError, match="no scope has a cap"):
        await take(gate, "r1", Scope(ScopeKind.TENANT, "acme"), amount=1)
    free = Scope(ScopeKind.TENANT, "acme", UNCAPPED)
    assert isinstance(await take(gate, "r1", free, amount=10**14), Reserved)
    assert await gate.load_balance(free, now=NOW) == Balance(0, 10**14, 0)


async def test_negative_and_absurd_amounts_are_not_accepted(gate: Gate) -> None:
    for amount in (-1, 10**15 + 1):
        with pytest.raises(ValueError, match="micro-dollars"):
            await take(gate, "r1", EXECUTION, amount=amount)


async def test_settling_what_was_never_reserved_is_reported(gate: Gate) -> None:
    assert (await gate.settle("nobody", 5)).before is Standing.UNKNOWN


async def test_a_refusal_says_whether_held_money_may_come_back(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, amount=900)
    assert await take(gate, "r2", EXECUTION, amount=200) == Refused(EXECUTION, 1_000, 0, 900, could_fit_later=True)
    await gate.settle("r1", 900)
    assert await take(gate, "r2", EXECUTION, amount=200) == Refused(EXECUTION, 1_000, 900, 0)


async def test_an_amount_shrinks_to_the_least_left_but_not_below_its_minimum(gate: Gate) -> None:
    answer = await take(gate, "r1", EXECUTION, NODE, amount=5_000, amount_min_microdollars=100)
    assert answer == Reserved("r1", 300, Standing.NEW)
    assert isinstance(await take(gate, "r2", EXECUTION, NODE, amount=5_000, amount_min_microdollars=1), Refused)
    assert await take(gate, "r3", EXECUTION, amount=5_000, amount_min_microdollars=700) == Reserved(
        "r3", 700, Standing.NEW
    )


async def test_a_window_starts_from_nothing(gate: Gate) -> None:
    hourly = Scope(ScopeKind.TENANT, "acme/acme", 100, Window.HOUR)
    monthly = Scope(ScopeKind.TENANT, "acme/acme", 150, Window.MONTH)
    later = NOW + timedelta(hours=1)
    assert isinstance(await take(gate, "r1", hourly, monthly, amount=100), Reserved)
    assert isinstance(await take(gate, "r2", hourly, monthly, amount=1), Refused)
    assert isinstance(await take(gate, "r3", hourly, monthly, amount=50, at=later), Reserved)
    refused = await take(gate, "r4", hourly, monthly, amount=10, at=later)
    assert isinstance(refused, Refused) and refused.scope == monthly
    assert await gate.load_balance(hourly, now=later) == Balance(0, 50, 0)


async def test_requests_fill_up_evenly(gate: Gate) -> None:
    rate = Rate(RateKind.PROVIDER, "openai", requests_per_minute=2)
    answers = [await take(gate, f"r{i}", EXECUTION, amount=1, rates=[rate]) for i in range(3)]
    assert [type(answer) for answer in answers] == [Reserved, Reserved, Limited]
    assert answers[2] == Limited(rate, "requests", 30.0)
    later = NOW + timedelta(seconds=31)
    assert isinstance(await take(gate, "r3", EXECUTION, amount=1, at=later, rates=[rate]), Reserved)


async def test_a_limit_that_refuses_takes_no_money_and_a_cap_that_refuses_takes_no_place(gate: Gate) -> None:
    rate = Rate(RateKind.TENANT, "acme", requests_per_minute=1)
    assert isinstance(await take(gate, "r1", EXECUTION, amount=2_000, rates=[rate]), Refused)
    assert isinstance(await take(gate, "r2", EXECUTION, amount=1, rates=[rate]), Reserved)
    assert isinstance(await take(gate, "r3", EXECUTION, amount=1, rates=[rate]), Limited)
    assert await gate.load_balance(EXECUTION, now=NOW) == Balance(0, 1, 0)


async def test_tokens_are_set_right_when_the_real_number_is_known(gate: Gate) -> None:
    rate = Rate(RateKind.PROVIDER, "openai", tokens_per_minute=1_000)
    await take(gate, "r1", EXECUTION, amount=1, rates=[rate], tokens=900)
    assert isinstance(await take(gate, "r2", EXECUTION, amount=1, rates=[rate], tokens=500), Limited)
    await gate.settle("r1", 1, tokens_actual=100)
    assert isinstance(await take(gate, "r2", EXECUTION, amount=1, rates=[rate], tokens=500), Reserved)


async def test_a_place_is_free_again_after_settlement_and_after_a_lapse(gate: Gate) -> None:
    rate = Rate(RateKind.ENTITY, "acme/c1", concurrent_max=1)
    await take(gate, "r1", EXECUTION, amount=1, rates=[rate])
    assert await take(gate, "r2", EXECUTION, amount=1, rates=[rate]) == Limited(rate, "concurrent", 0.1)
    await gate.settle("r1", 1)
    assert isinstance(await take(gate, "r2", EXECUTION, amount=1, rates=[rate]), Reserved)
    later = NOW + timedelta(seconds=61)
    await gate.sweep(now=later)
    assert isinstance(await take(gate, "r3", EXECUTION, amount=1, rates=[rate], at=later), Reserved)


async def test_a_settlement_says_what_it_added_to_which_books(gate: Gate) -> None:
    await take(gate, "r1", EXECUTION, NODE, amount=300)
    settlement = await gate.settle("r1", 120)
    assert (settlement.spent_microdollars, settlement.reserved_microdollars) == (120, 300)
    assert settlement.books == ("execution:acme/e1", "node:acme/e1/classify")
    await take(gate, "r2", EXECUTION, amount=300)
    await gate.sweep(now=NOW + timedelta(seconds=61))
    assert (await gate.settle("r2", 100)).spent_microdollars == -200


async def test_a_caller_who_goes_away_leaves_nothing_held(gate: Gate) -> None:
    waiting = asyncio.create_task(take(gate, "r1", EXECUTION, amount=100))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def given_back() -> bool:
        return (await gate.load_balance(EXECUTION, now=NOW)).held_microdollars == 0 and not gate.holds

    await wait_until(given_back)
