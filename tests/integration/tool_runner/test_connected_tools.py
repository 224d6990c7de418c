"""Does the example manifest do what its page says: every call under its own entity's account, or not at all?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFact, ToolCallFailed
from tests.support.kit import TENANT
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_example import SECRETS, ExampleServers, connect_key, connect_tokens, example_servers, hil
from tests.support.tool_runner import Caller, all_servers_up, calling, free_port, running_runner, settings_for

VAULT_KEY = "one:" + "b2xk" * 11 + "b2w="
READS = ("catalogue.GMAIL_FETCH_EMAILS", "calendar.list_events", "contacts.list_people")


@dataclass
class Desk:
    """A caller, the servers of the example, and the runner's own address."""

    caller: Caller
    servers: ExampleServers
    address: str

    async def call(self, tool: str, entity: str, call: str = "1", **fields: object) -> ToolCallFact:
        """A call of the node's agent; each entity has a conversation of its own."""
        arguments = fields.pop("arguments", {"text": f"{entity}/{call}"})
        common = {"agent": "assistant", "entity": entity, "key": entity, "call": call, **fields}
        fact = await self.caller.call(tool, arguments, **common)  # type: ignore[arg-type]
        assert isinstance(fact, ToolCallFact)
        return fact

    async def connect(self, entity: str) -> None:
        await connect_key(self.servers, self.address, entity)
        await connect_tokens(self.servers, self.address, entity)

    async def disconnect(self, app: str, entity: str) -> None:
        owner = {"tenant": TENANT, "entity": entity}
        async with (
            aiohttp.ClientSession(self.address) as http,
            http.delete(f"/v1/connections/{app}", params=owner) as answer,
        ):
            assert answer.status < 300, await answer.text()


@pytest.fixture
async def desk(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with example_servers() as servers:
        settings = settings_for(
            nats_server.url,
            redis_server.url,
            servers.manifest_in(tmp_path),
            http_port=free_port(),
            vault_keys=VAULT_KEY,
            store_url=f"sqlite:///{tmp_path}/vault.sqlite3",
        )
        async with calling(nats_server.url) as caller, running_runner(settings):
            caller.tools_allowed = ("*",)
            await all_servers_up(settings.http_port)
            yield Desk(caller, servers, f"http://127.0.0.1:{settings.http_port}")


def whose(fact: ToolCallFact) -> object:
    """Whom the server took the caller for."""
    assert isinstance(fact, ToolCallCompleted), fact
    return fact.result["for"] if isinstance(fact.result, dict) else str(fact.result).partition(":")[0]


def refusal(fact: ToolCallFact) -> ToolCallFailed:
    assert isinstance(fact, ToolCallFailed), fact
    return fact


async def test_two_entities_in_parallel_never_get_each_others_token_or_session(desk: Desk) -> None:
    for entity in ("ann", "bob"):
        await desk.connect(entity)
    asked = [(tool, entity, str(number)) for number in range(8) for tool in READS for entity in ("ann", "bob")]
    facts = await asyncio.gather(*(desk.call(tool, entity, f"{tool}/{number}") for tool, entity, number in asked))
    assert [whose(fact) for fact in facts] == [entity for _, entity, _ in asked]
    servers = desk.servers
    for server in (servers.catalogue, servers.calendar):
        assert sorted(server.sessions.values()) == ["", "ann", "bob"], "one for each, and one that lists"
        assert (len(server.calls), server.sessions_crossed) == (16, 0)


async def test_a_call_waits_for_an_account_and_ends_with_it(desk: Desk) -> None:
    for app, tool in (("catalogue", READS[0]), ("workspace", READS[1]), ("workspace", READS[2])):
        refused = refusal(await desk.call(tool, "ann"))
        assert (refused.error_class, refused.retryable) == ("denied", False)
        assert f"the account at {app} must be connected first at https://www.example.com/accounts" in refused.detail
    await desk.connect("ann")
    assert [whose(await desk.call(tool, "ann", "2")) for tool in READS] == ["ann"] * 3
    assert "must be connected first" in refusal(await desk.call(READS[0], "bob")).detail, "it is ann's alone"
    for app in ("catalogue", "workspace"):
        await desk.disconnect(app, "ann")
    assert len(desk.servers.owners.revoked) == 2, "access and refresh token are void at their server, too"
    for tool in READS:
        assert "must be connected first" in refusal(await desk.call(tool, "ann", "3")).detail
    assert len(desk.servers.catalogue.calls) == len(desk.servers.calendar.calls) == 1


async def test_a_token_that_is_refused_before_its_end_is_renewed_once_for_all_calls(desk: Desk) -> None:
    await desk.connect("ann")
    assert whose(await desk.call(READS[1], "ann", "before")) == "ann"
    owners, [grant] = desk.servers.owners, desk.servers.owners.grants
    grant.access.clear()
    facts = await asyncio.gather(*(desk.call(READS[1 + n % 2], "ann", str(n)) for n in range(20)))
    assert [whose(fact) for fact in facts] == ["ann"] * 20
    assert owners.refreshes == 1


@pytest.mark.parametrize(
    ("tool", "arguments"), [("calendar.create_event", {"text": "x"}), ("contacts.add_person", {"body": {"name": "x"}})]
)
async def test_a_write_that_is_refused_is_not_made_again_and_the_next_one_goes_through(
    desk: Desk, tool: str, arguments: dict[str, object]
) -> None:
    await desk.connect("ann")
    desk.servers.owners.grants[0].access.clear()
    refused = refusal(await desk.call(tool, "ann", "1", arguments=arguments))
    assert (refused.error_class, refused.retryable) == ("denied", False)
    assert "renewed now; ask for the call again" in refused.detail
    assert whose(await desk.call(tool, "ann", "2", arguments=arguments)) == "ann"
    assert desk.servers.owners.refreshes == 1


async def test_what_its_owner_revoked_elsewhere_is_refused_and_shown_as_such(desk: Desk) -> None:
    await desk.connect("ann")
    desk.servers.owners.grants[0].alive = False
    for number in ("1", "2"):
        assert "must be connected again first" in refusal(await desk.call(READS[2], "ann", number)).detail
    async with (
        aiohttp.ClientSession(desk.address) as http,
        http.get("/v1/connections", params={"tenant": TENANT, "entity": "ann"}) as answer,
    ):
        states = {one["app"]: one["state"] for one in (await answer.json())["connections"]}
    assert states == {"catalogue": "connected", "workspace": "needs_reconnect"}


async def test_of_a_catalogue_only_what_the_manifest_names_is_offered(desk: Desk) -> None:
    listed = (await hil(desk.address, "list")).output
    assert "catalogue.GMAIL_SEND_EMAIL" in listed and "catalogue.SLACK_SEND_MESSAGE" in listed
    assert "GMAIL_DELETE_THREAD" not in listed and "JIRA" not in listed and "calendar.whoami" not in listed
    few = (await hil(desk.address, "list", "catalogue.GMAIL_*")).output
    assert "catalogue.GMAIL_SEND_EMAIL" in few and "SLACK" not in few
    await desk.connect("ann")
    for tool in ("catalogue.GMAIL_DELETE_THREAD", "catalogue.JIRA_CREATE_ISSUE"):
        assert refusal(await desk.call(tool, "ann")).error_class == "unknown_tool"
    assert refusal(await desk.call("catalogue.SLACK_SEND_MESSAGE", "ann")).error_class == "denied", "nobody has a grant"
