"""Does a call go out under the account of the entity that it is made for, and not without one?"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFact, ToolCallFailed
from tests.support.kit import TENANT
from tests.support.remote_mcp import RemoteMcpServer, remote_mcp_server
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import Caller, all_servers_up, calling, free_port, running_runner, settings_for

VAULT_KEY = "one:" + "b2xk" * 11 + "b2w="


@dataclass
class Desk:
    """A caller, the server at an address, and the runner's own API."""

    caller: Caller
    server: RemoteMcpServer
    api: aiohttp.ClientSession

    async def call(self, *, server: str = "remote", **fields: object) -> ToolCallFact:
        fact = await self.caller.call(f"{server}.whoami", {"text": "hi"}, tools_allowed=["*"], **fields)
        assert isinstance(fact, ToolCallFact)
        return fact

    async def connect(self, entity: str, key: str) -> None:
        owner = {"tenant": TENANT, "entity": entity}
        async with self.api.put("/v1/connections/crm", params=owner, json={"key": key}) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture
async def desk(nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Desk]:
    file, port = tmp_path / "manifest.yaml", free_port()
    async with remote_mcp_server() as server:
        remote = {
            "name": "remote",
            "url": server.url,
            "headers": {"x-api-key": "project-key"},
            "quarantine": False,
            "defaults": {
                "cost_usd": 0,
                "authentication_required": "crm",
                "quotas": [{"per": "tenant", "calls_max": 3, "window": "month"}],
            },
        }
        tools = {"whoami": {"side_effect": "read", "cache_ttl_seconds": 60}}
        kept = {**remote, "name": "kept", "tools": tools}
        apps = {"crm": {"kind": "api_key", "header": "x-api-key: {token}"}}
        grants = [{"name": "a", "tools": ["*"]}]
        file.write_text(json.dumps({"apps": apps, "grants": grants, "servers": [remote, kept]}))
        settings = settings_for(
            nats_server.url,
            redis_server.url,
            file,
            http_port=port,
            vault_keys=VAULT_KEY,
            store_url=f"sqlite:///{tmp_path}/vault.sqlite3",
        )
        async with calling(nats_server.url) as calls, running_runner(settings):
            await all_servers_up(port)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as api:
                yield Desk(calls, server, api)


async def test_each_entity_calls_under_its_own_account_and_not_without_one(desk: Desk) -> None:
    for number, entity in enumerate(("ann", "ann", None), 1):
        refused = await desk.call(entity=entity, call=str(number))
        assert isinstance(refused, ToolCallFailed)
        assert (refused.error_class, refused.retryable) == ("denied", False)
    assert "for no entity" in refused.detail
    await desk.connect("ann", "key-of-ann")
    await desk.connect("bob", "key-of-bob")
    done = [await desk.call(entity=entity, key=entity) for entity in ("ann", "bob")]
    assert [fact.result for fact in done if isinstance(fact, ToolCallCompleted)] == ["ann:hi", "bob:hi"]
    assert [entity for entity, _, _ in desk.server.calls] == ["ann", "bob"], "what was refused took no place"


async def test_a_repeat_gets_its_result_though_the_account_is_gone(desk: Desk) -> None:
    first = await desk.call(entity="ann")
    assert isinstance(first, ToolCallFailed)
    assert "the account at crm must be connected first" in first.detail
    await desk.connect("ann", "key-of-ann")
    done = await desk.call(entity="ann", attempt=2)
    async with desk.api.delete("/v1/connections/crm", params={"tenant": TENANT, "entity": "ann"}) as answer:
        assert answer.status < 300
    again, other = await desk.call(entity="ann", attempt=3), await desk.call(entity="ann", call="2")
    assert isinstance(done, ToolCallCompleted) and isinstance(again, ToolCallCompleted)
    assert (again.repeated, again.result) == (True, done.result)
    assert isinstance(other, ToolCallFailed)
    assert len(desk.server.calls) == 1


async def test_a_kept_result_is_not_given_for_another_account_of_the_same_entity(desk: Desk) -> None:
    done = []
    for number, account in enumerate(("ann", None, "bob", None, "ann")):
        if account is not None:
            await desk.connect("ann", f"key-of-{account}")
        done.append(await desk.call(server="kept", entity="ann", call=str(number)))
    results = [fact.result if isinstance(fact, ToolCallCompleted) else fact for fact in done]
    assert results == ["ann:hi", "ann:hi", "bob:hi", "bob:hi", "ann:hi"]
    assert [entity for entity, _, _ in desk.server.calls] == ["ann", "bob", "ann"], "the others are kept ones"
