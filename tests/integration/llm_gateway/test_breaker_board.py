"""Do all replicas see one model's breaker, and does exactly one call in the fleet probe it?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from llm_gateway.adapters.breaker_board import BreakerBoard
from llm_gateway.domain.breaker import CALLS_MIN, OPEN_SECONDS, PROBE_SECONDS, Condition

ILL, WELL = "ill", "well"


@dataclass
class Clock:
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def boards(redis_server: RedisServer, clock: Clock) -> AsyncIterator[list[BreakerBoard]]:
    """Those of three replicas."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Redis.from_url(redis_server.url)) for _ in range(3)]
        yield [BreakerBoard(client, frozenset({ILL, WELL}), clock, {ILL: 1.0, WELL: 1.0}) for client in clients]


async def share(boards: list[BreakerBoard]) -> None:
    """Twice each: a report that another replica overtook is made the next time."""
    for board in boards * 2:
        await board.share()


def fail(board: BreakerBoard, times: int = CALLS_MIN) -> None:
    for _ in range(times):
        board.report(ILL, ok=False, latency_seconds=0.1)


async def opened(boards: list[BreakerBoard]) -> None:
    fail(boards[0])
    await share(boards)
    assert all(board.open_models() == {ILL} for board in boards)


async def test_what_one_replica_sees_the_others_know_within_a_second(boards: list[BreakerBoard]) -> None:
    stop = asyncio.Event()
    running = [asyncio.create_task(board.run(stop)) for board in boards]
    fail(boards[0])
    await wait_until(lambda: all(board.open_models() == {ILL} for board in boards), timeout_seconds=1.0)
    stop.set()
    await asyncio.gather(*running)


async def test_failures_of_all_replicas_count_together(boards: list[BreakerBoard]) -> None:
    for board in boards[:2]:
        fail(board, CALLS_MIN // 2)
        await board.share()
    await share(boards)
    assert boards[2].open_models() == {ILL}


async def test_a_call_that_ends_while_others_are_shared_is_counted(boards: list[BreakerBoard]) -> None:
    board = boards[0]
    board.report(WELL, ok=True, latency_seconds=0.1)
    sharing, reported = asyncio.create_task(board.share()), 1
    while not sharing.done():
        board.report(WELL, ok=True, latency_seconds=0.1)
        reported += 1
        await asyncio.sleep(0)
    await board.share()
    assert board.snapshot()[WELL].ok == reported


async def test_slow_answers_open_it_and_quick_ones_do_not(boards: list[BreakerBoard]) -> None:
    for _ in range(CALLS_MIN):
        boards[0].report(ILL, ok=True, latency_seconds=1.1)
        boards[0].report(WELL, ok=True, latency_seconds=0.9)
    await share(boards)
    assert boards[1].open_models() == {ILL}


async def test_exactly_one_call_of_the_fleet_probes(boards: list[BreakerBoard], clock: Clock) -> None:
    await opened(boards)
    clock.pass_by(OPEN_SECONDS * 1.2)
    admitted = await asyncio.gather(*(board.admits(ILL) for board in boards for _ in range(10)))
    assert admitted.count(True) == 1
    await share(boards)
    assert all(board.open_models() == {ILL} for board in boards)


async def test_a_probe_that_goes_well_closes_it_for_all(boards: list[BreakerBoard], clock: Clock) -> None:
    await opened(boards)
    clock.pass_by(OPEN_SECONDS * 1.2)
    assert await boards[1].admits(ILL)
    boards[1].report(ILL, ok=True, latency_seconds=0.1)
    await share(boards)
    assert all(board.open_models() == frozenset() for board in boards)
    assert all([await board.admits(ILL) for board in boards])


async def test_a_probe_that_fails_opens_it_for_longer(boards: list[BreakerBoard], clock: Clock) -> None:
    await opened(boards)
    clock.pass_by(OPEN_SECONDS * 1.2)
    assert await boards[1].admits(ILL)
    fail(boards[1], 1)
    await share(boards)
    clock.pass_by(OPEN_SECONDS * 1.2)
    assert all(board.open_models() == {ILL} for board in boards)
    assert not any([await board.admits(ILL) for board in boards])


async def test_a_probe_that_nobody_reports_of_does_not_block_the_next(boards: list[BreakerBoard], clock: Clock) -> None:
    await opened(boards)
    clock.pass_by(OPEN_SECONDS * 1.2)
    assert await boards[0].admits(ILL)
    await share(boards)
    clock.pass_by(PROBE_SECONDS)
    assert [await board.admits(ILL) for board in boards].count(True) == 1


async def test_a_well_model_is_asked_without_a_trip(boards: list[BreakerBoard]) -> None:
    await opened(boards)
    await boards[0].redis.aclose()
    assert await boards[0].admits(WELL)
    assert boards[0].snapshot()[WELL].condition is Condition.CLOSED


async def test_what_was_known_stays_while_redis_is_away(own_redis_server: RedisServer, clock: Clock) -> None:
    async with Redis.from_url(own_redis_server.url) as client:
        board = BreakerBoard(client, frozenset({ILL}), clock, {})
        await opened([board])
        own_redis_server.kill()
        stop = asyncio.Event()
        running = asyncio.create_task(board.run(stop))
        fail(board, 1)
        assert board.open_models() == {ILL}
        clock.pass_by(OPEN_SECONDS * 1.2)
        assert not await board.admits(ILL)
        stop.set()
        await running


async def test_closing_by_hand_reaches_all(boards: list[BreakerBoard]) -> None:
    await opened(boards)
    await boards[2].reset(ILL)
    await share(boards)
    assert all(board.open_models() == frozenset() for board in boards)
