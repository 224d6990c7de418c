"""Does a tool server in the sandbox work, write into its own folder alone, and end when it is cut?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from tests.support.mcp_counter import effects
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    COUNTER,
    Caller,
    all_servers_up,
    calling,
    counter_server,
    free_port,
    running_runner,
    settings_for,
    write_servers,
)


@pytest.fixture
def sandbox_dir(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
async def caller(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, sandbox_dir: Path
) -> AsyncIterator[Caller]:
    own_folder = {"COUNTER_FILE": "effects"}
    boxed = counter_server(tmp_path / "outside", name="boxed", sandbox=True, readable=[COUNTER], env=own_folder)
    port = free_port()
    settings = settings_for(
        nats_server.url,
        redis_server.url,
        write_servers(tmp_path / "servers.yaml", boxed),
        http_port=port,
        sandbox_dir=sandbox_dir,
    )
    async with calling(nats_server.url) as calls, running_runner(settings):
        await all_servers_up(port)
        calls.tools_allowed = ("boxed.*",)
        yield calls


async def test_it_writes_into_its_own_folder(caller: Caller, sandbox_dir: Path) -> None:
    fact = await caller.call("boxed.append", {"value": "one"})
    assert isinstance(fact, ToolCallCompleted), fact
    assert [effect["value"] for effect in effects(sandbox_dir / "servers" / "boxed" / "effects")] == ["one"]


async def test_a_call_that_is_cut_ends_its_box_and_the_next_box_answers(caller: Caller) -> None:
    cut = await caller.call("boxed.slow", {"ms": 60_000}, timeout_ms=700)
    assert isinstance(cut, ToolCallFailed) and cut.error_class == "timeout"
    fact = await caller.call("boxed.add", {"a": 1, "b": 2}, call="2")
    assert isinstance(fact, ToolCallCompleted) and fact.result == {"sum": 3}
