"""Does a server that hangs or eats memory end by its own limits, and nobody else's calls with it?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    Caller,
    all_servers_up,
    calling,
    counter_server,
    retail_server,
    running_runner,
    settings_for,
    write_servers,
)


@pytest.fixture
async def caller(nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Caller]:
    file = write_servers(
        tmp_path / "tools.yaml",
        retail_server(tmp_path / "state") | {"limits": {"breaker_failures_max": 2, "breaker_open_seconds": 60}},
        counter_server(tmp_path / "effects"),
        counter_server(tmp_path / "effects", name="keyed", limits={"memory_bytes_max": 200_000_000}),
    )
    settings = settings_for(nats_server.url, redis_server.url, file, concurrency=64)
    async with calling(nats_server.url) as calls, running_runner(settings):
        await all_servers_up(settings.http_port)
        yield calls


async def test_a_wedged_server_is_cut_at_its_deadline_and_left_alone_after_the_declared_count(caller: Caller) -> None:
    wedged = await caller.command("retail.calculate", {"expression": "9**9**9"}, key="w", timeout_ms=4_000)
    sums = [caller.call("counter.add", {"a": n, "b": 1}, key=f"k{n}") for n in range(20)]
    assert all(isinstance(fact, ToolCallCompleted) for fact in await asyncio.gather(*sums))
    assert await caller.facts("w") == []  # All of them ended while it was wedged.
    first = await caller.fact_of(wedged)
    second = await caller.call("retail.calculate", {"expression": "9**9**9"}, key="w", call="2", timeout_ms=1_500)
    refused = await caller.call("retail.calculate", {"expression": "1 + 1"}, key="w", call="3")
    beside = await caller.call("counter.add", {"a": 1, "b": 1}, key="w", call="4")
    for fact, error_class in ((first, "timeout"), (second, "timeout"), (refused, "server_unavailable")):
        assert isinstance(fact, ToolCallFailed)
        assert (fact.error_class, fact.retryable) == (error_class, True)
    assert "retail failed 2 times in a row; the call was not made" in refused.detail  # type: ignore[attr-defined]
    assert isinstance(beside, ToolCallCompleted)


async def test_many_calls_of_a_wedged_server_take_no_places_of_others(caller: Caller) -> None:
    wedged = [
        await caller.command("counter.slow", {"ms": 60_000}, key=f"w{n}", call=str(n), timeout_ms=8_000)
        for n in range(100)
    ]
    beside = await caller.call("keyed.add", {"a": 1, "b": 1}, key="beside")
    assert isinstance(beside, ToolCallCompleted)
    assert [fact for n in range(100) for fact in await caller.facts(f"w{n}")] == []
    ends = await asyncio.gather(*map(caller.fact_of, wedged))
    assert {(type(end), end.error_class) for end in ends if isinstance(end, ToolCallFailed)} <= {
        (ToolCallFailed, "timeout"),
        (ToolCallFailed, "server_unavailable"),
    }
    assert all(isinstance(end, ToolCallFailed) for end in ends)


async def test_a_server_that_wants_more_memory_than_it_may_have_dies_alone(caller: Caller) -> None:
    greedy = await caller.call("keyed.big", {"bytes": 500_000_000})
    assert isinstance(greedy, ToolCallFailed)
    assert greedy.error_class == "server_unavailable"
    assert isinstance(await caller.call("keyed.add", {"a": 1, "b": 1}, call="2"), ToolCallCompleted)
    assert isinstance(await caller.call("counter.add", {"a": 1, "b": 1}, call="3"), ToolCallCompleted)
