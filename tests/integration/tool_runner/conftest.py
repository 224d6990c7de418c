"""Which runner do these tests call?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    Caller,
    all_servers_up,
    calling,
    counter_server,
    free_port,
    retail_server,
    running_runner,
    settings_for,
    write_servers,
)

FUNCTIONS = "tests.integration.tool_runner.functions"


@pytest.fixture
def effects_file(tmp_path: Path) -> Path:
    """Where the counter writes down what it did."""
    return tmp_path / "effects"


@pytest.fixture
def http_port() -> int:
    return free_port()


@pytest.fixture
def servers_file(tmp_path: Path, effects_file: Path) -> Path:
    """The counter twice (once with its native key), the retail shop, and two functions."""
    functions = {
        "sized": {"python": f"{FUNCTIONS}:sized", "side_effect": "read"},
        "unwritable": {"python": f"{FUNCTIONS}:unwritable", "side_effect": "read"},
        "napping": {"python": f"{FUNCTIONS}:napping"},
    }
    return write_servers(
        tmp_path / "servers.yaml",
        counter_server(effects_file),
        counter_server(effects_file, name="keyed"),
        retail_server(tmp_path / "state"),
        {"name": "python", "defaults": {"cost_usd": 0}, "tools": functions},
    )


@pytest.fixture
async def caller(
    nats_server: NatsServer, redis_server: RedisServer, servers_file: Path, http_port: int
) -> AsyncIterator[Caller]:
    """A caller, and a runner in this event loop whose servers are up."""
    settings = settings_for(nats_server.url, redis_server.url, servers_file, http_port=http_port)
    async with calling(nats_server.url) as calls, running_runner(settings):
        await all_servers_up(http_port)
        yield calls
