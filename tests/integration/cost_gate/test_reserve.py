"""Does the gate count every micro-dollar once, and never give out more than there is?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from tests.support.start_servers import RedisServer

from cost_gate import (
    UNCAPPED,
    Balance,
    GateClosed,
    Refused,
    Reserved,
    Scope,
    ScopeKind,
    Standing,
    load_balance,
    release,
    reserve,
    settle,
    sweep,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXECUTION = Scope(ScopeKind.EXECUTION, "acme/e1", 1_000)
NODE = Scope(ScopeKind.NODE, "acme/e1/classify", 300)


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url, max_connections=256)
    yield client
    await client.aclose()


async def take(redis: Redis, id: str, *scopes: Scope, amount: int, at: datetime = NOW) -> Reserved | Refused:
    return await reserve(redis, reservation_id=id, scopes=scopes, amount_microdollars=amount, lease_seconds=60, now=at)


async def test_two_hundred_parallel_reservations_get_exactly_the_budget(redis: Redis) -> None:
    answers = await asyncio.gather(*(take(redis, f"r{i}", EXECUTION, amount=100) for i in range(200)))
    assert sum(isinstance(answer, Reserved) for answer in answers) == 10
    assert await load_balance(redis, EXECUTION) == Balance(0, 1_000, 0)


async def test_a_refusal_by_one_scope_takes_nothing_from_the_others(redis: Redis) -> None:
    answer = await take(redis, "r1", EXECUTION, NODE, amount=301)
    assert answer == Refused(NODE, 300, 0, 0)
    assert await load_balance(redis, EXECUTION) == Balance(0, 0, 0)


async def test_a_repeated_reservation_takes_nothing_more_and_says_where_the_first_stands(redis: Redis) -> None:
    first = await take(redis, "r1", EXECUTION, amount=400)
    again = await take(redis, "r1", EXECUTION, amount=400)
    assert (first, again) == (Reserved("r1", 400, Standing.NEW), Reserved("r1", 400, Standing.HELD))
    assert await load_balance(redis, EXECUTION) == Balance(0, 400, 0)


async def test_a_settlement_counts_the_actual_once(redis: Redis) -> None:
    await take(redis, "r1", EXECUTION, NODE, amount=300)
    first = await settle(redis, "r1", 120)
    again = await settle(redis, "r1", 250)
    assert (first.before, again.before) == (Standing.HELD, Standing.SETTLED)
    assert await load_balance(redis, NODE) == Balance(120, 0, 0)


async def test_a_released_reservation_cost_nothing(redis: Redis) -> None:
    await take(redis, "r1", EXECUTION, amount=300)
    await release(redis, "r1")
    assert await load_balance(redis, EXECUTION) == Balance(0, 0, 0)
    assert (await settle(redis, "r1", 300)).before is Standing.RELEASED


async def test_an_overrun_is_debt_that_blocks_the_next_reservation(redis: Redis) -> None:
    await take(redis, "r1", EXECUTION, amount=100)
    assert (await settle(redis, "r1", 1_500)).overrun_microdollars == 1_400
    assert await take(redis, "r2", EXECUTION, amount=0) == Refused(EXECUTION, 1_000, 1_500, 0)
    assert await load_balance(redis, EXECUTION) == Balance(1_500, 0, 1_400)


async def test_a_lapsed_lease_counts_at_its_maximum_until_the_actual_is_known(redis: Redis) -> None:
    await take(redis, "r1", EXECUTION, amount=400)
    assert await sweep(redis, now=NOW + timedelta(seconds=59)) == 0
    assert await sweep(redis, now=NOW + timedelta(seconds=61)) == 1
    assert await load_balance(redis, EXECUTION) == Balance(400, 0, 0)
    assert (await settle(redis, "r1", 150)).before is Standing.LAPSED
    assert await load_balance(redis, EXECUTION) == Balance(150, 0, 0)


async def test_a_reservation_sweeps_what_has_lapsed_before_it(redis: Redis) -> None:
    await take(redis, "r1", EXECUTION, amount=400)
    await take(redis, "r2", EXECUTION, amount=400, at=NOW + timedelta(seconds=61))
    assert await load_balance(redis, EXECUTION) == Balance(400, 400, 0)


async def test_a_cap_of_zero_refuses_even_what_is_free(redis: Redis) -> None:
    closed = Scope(ScopeKind.TENANT, "acme", 0)
    assert await take(redis, "r1", closed, amount=0) == Refused(closed, 0, 0, 0)


async def test_a_scope_without_a_cap_counts_and_is_limited_by_the_others(redis: Redis) -> None:
    inheriting = Scope(ScopeKind.WORKFLOW, "acme/returns")
    await take(redis, "r1", inheriting, EXECUTION, amount=900)
    assert isinstance(await take(redis, "r2", inheriting, EXECUTION, amount=200), Refused)
    assert await load_balance(redis, inheriting) == Balance(0, 900, 0)


async def test_a_reservation_that_nothing_limits_must_say_so(redis: Redis) -> None:
    with pytest.raises(ValueError, match="no scope has a cap"):
        await take(redis, "r1", Scope(ScopeKind.TENANT, "acme"), amount=1)
    free = Scope(ScopeKind.TENANT, "acme", UNCAPPED)
    assert isinstance(await take(redis, "r1", free, amount=10**14), Reserved)
    assert await load_balance(redis, free) == Balance(0, 10**14, 0)


async def test_negative_and_absurd_amounts_are_not_accepted(redis: Redis) -> None:
    for amount in (-1, 10**15 + 1):
        with pytest.raises(ValueError, match="micro-dollars"):
            await take(redis, "r1", EXECUTION, amount=amount)


async def test_settling_what_was_never_reserved_is_reported(redis: Redis) -> None:
    assert (await settle(redis, "nobody", 5)).before is Standing.UNKNOWN


async def test_the_gate_is_closed_while_redis_is_gone_and_opens_by_itself(own_redis_server: RedisServer) -> None:
    client = Redis.from_url(own_redis_server.url)
    assert isinstance(await take(client, "r1", EXECUTION, amount=1), Reserved)
    own_redis_server.kill()
    with pytest.raises(GateClosed):
        await take(client, "r2", EXECUTION, amount=1)
    with pytest.raises(GateClosed):
        await load_balance(client, EXECUTION)
    own_redis_server.restart()
    assert isinstance(await take(client, "r2", EXECUTION, amount=1), Reserved)
    assert (await load_balance(client, EXECUTION)).held_microdollars == 2
    await client.aclose()
