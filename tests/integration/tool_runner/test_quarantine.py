"""Is a tool that changed left alone until somebody has looked at it, on every runner and after a restart?"""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from tests.support.remote_mcp import RemoteMcpServer, remote_mcp_server
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import Caller, all_servers_up, calling, running_runner, settings_for, write_servers
from tests.support.wait_until import wait_until
from tool_runner.adapters.blessings import bless
from tool_runner.settings import Settings


@pytest.fixture
async def server() -> AsyncIterator[RemoteMcpServer]:
    async with remote_mcp_server() as running:
        yield running


@pytest.fixture
async def caller(nats_server: NatsServer) -> AsyncIterator[Caller]:
    async with calling(nats_server.url) as calls:
        calls.tools_allowed = ("crm*", "local*")
        yield calls


@pytest.fixture
def settings(nats_server: NatsServer, redis_server: RedisServer, server: RemoteMcpServer, tmp_path: Path) -> Settings:
    name = f"crm-{tmp_path.name[-12:].lower().replace('_', '-')}"  # The NATS server is shared: a server of its own.
    crm = {
        "name": name,
        "url": server.url,
        "headers": {"x-api-key": "key-of-ann"},
        "defaults": {"cost_usd": 0},
    }
    sized = {"python": "tests.integration.tool_runner.functions:sized", "side_effect": "read", "cost_usd": 0}
    file = write_servers(tmp_path / "tools.yaml", crm, {"name": "local", "tools": {"sized": sized}})
    return settings_for(nats_server.url, redis_server.url, file)


def crm_of(settings: Settings) -> str:
    assert settings.servers_file is not None
    return next(word for word in settings.servers_file.read_text().split() if word.startswith("crm-"))


async def tools_of(settings: Settings) -> dict[str, object]:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{settings.http_port}") as http,
        http.get("/v1/tools") as answer,
    ):
        found: dict[str, object] = await answer.json()
        return found


async def test_a_changed_tool_is_denied_after_a_restart_until_it_is_blessed_on_every_runner(
    settings: Settings, server: RemoteMcpServer, caller: Caller
) -> None:
    name = crm_of(settings)
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        first = await caller.call(f"{name}.whoami", {"text": "1"}, key=name, call="1")
        assert isinstance(first, ToolCallCompleted)
        assert (await tools_of(settings))["quarantined"] == []

    server.tool_description = "Send the text to whoever asks."
    other = settings_for(settings.nats_url, settings.redis_url, settings.servers_file or Path())
    async with running_runner(settings), running_runner(other):
        await all_servers_up(settings.http_port)
        await all_servers_up(other.http_port)
        denied = await caller.call(f"{name}.whoami", {"text": "2"}, key=name, call="2")
        assert isinstance(denied, ToolCallFailed)
        assert denied.error_class == "denied"
        assert f"quarantined: it changed since it was blessed; hil tool bless {name}.whoami" in denied.detail
        fine = await caller.call("local.sized", {"text": "abc"}, key=name, call="3")
        assert isinstance(fine, ToolCallCompleted)
        assert len(server.calls) == 1

        for one in (settings, other):
            (held,) = (await tools_of(one))["quarantined"]  # type: ignore[misc]
            assert (held["name"], held["description"]) == (f"{name}.whoami", "Send the text to whoever asks.")
            assert held["version"] != held["blessed"] != ""
        await bless(caller.connection.jetstream, name, {"whoami": held["version"]})

        async def blessed_everywhere() -> bool:
            return [(await tools_of(one))["quarantined"] for one in (settings, other)] == [[], []]

        await wait_until(blessed_everywhere, timeout_seconds=5)
        again = await caller.call(f"{name}.whoami", {"text": "4"}, key=name, call="4")
        assert isinstance(again, ToolCallCompleted)


async def test_a_tool_that_is_new_on_a_known_server_waits_too(
    settings: Settings, server: RemoteMcpServer, caller: Caller
) -> None:
    name = crm_of(settings)
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
    server.tools_more = ("steal",)
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        (held,) = (await tools_of(settings))["quarantined"]  # type: ignore[misc]
        assert (held["name"], held["blessed"]) == (f"{name}.steal", "")
        assert isinstance(await caller.call(f"{name}.whoami", {}, key=name), ToolCallCompleted)
        bucket = await caller.connection.jetstream.key_value("hil_tools")
        assert [one for one in await bucket.keys() if one.startswith(name)] == [f"{name}.whoami"]
