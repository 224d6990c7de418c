"""How do tests run the example manifest, with servers of loopback at its addresses?"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
from typer.testing import CliRunner, Result

from hil.main import app
from tests.support.authorization_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    TOKEN_MARK,
    AuthorizationServer,
    authorization_server,
)
from tests.support.kit import TENANT
from tests.support.openapi_shop import OpenApiShop, openapi_shop
from tests.support.remote_mcp import RemoteMcpServer, remote_mcp_server

EXAMPLE = Path(__file__).parents[2] / "examples" / "tools"
LISTING, PROJECT_KEY = f"Bearer {TOKEN_MARK}.listing", f"{TOKEN_MARK}.project"
SECRETS = {
    "CATALOGUE_PROJECT_KEY": PROJECT_KEY,
    "WORKSPACE_LISTING_AUTHORIZATION": LISTING,
    "WORKSPACE_CLIENT_SECRET": CLIENT_SECRET,
}
"""What the example takes from the environment."""
CATALOGUE_TOOLS = tuple(f"GMAIL_{name}" for name in ("FETCH_EMAILS", "SEND_EMAIL", "DELETE_THREAD"))
CATALOGUE_TOOLS += ("SLACK_SEND_MESSAGE", "JIRA_CREATE_ISSUE")


@dataclass
class ExampleServers:
    """The servers of the example. `keys` are the catalogue's, and whose they are."""

    owners: AuthorizationServer
    catalogue: RemoteMcpServer
    calendar: RemoteMcpServer
    contacts: OpenApiShop
    keys: dict[str, str] = field(default_factory=dict)

    def owner_of_key(self, headers: Mapping[str, str]) -> str | None:
        key = headers.get("x-api-key", "")
        return "" if key == PROJECT_KEY else self.keys.get(key)

    def owner_of_token(self, headers: Mapping[str, str]) -> str | None:
        header = headers.get("authorization", "")
        return "" if header == LISTING else self.owners.owner_of(header)

    def manifest_in(self, folder: Path) -> Path:
        """The example as it is, with these addresses in it."""
        shutil.copy(EXAMPLE / "contacts.openapi.json", folder)
        text = (EXAMPLE / "manifest.yaml").read_text()
        for theirs, ours in {
            "https://id.example.com": self.owners.url,
            "https://mcp.catalogue.example.com/mcp": self.catalogue.url,
            "https://mcp.workspace.example.com/mcp": self.calendar.url,
            "https://api.workspace.example.com/v1": self.contacts.base_url,
            "your-client-id": CLIENT_ID,
        }.items():
            assert theirs in text, f"the example names no {theirs}"
            text = text.replace(theirs, ours)
        (file := folder / "manifest.yaml").write_text(text)
        return file


@asynccontextmanager
async def example_servers() -> AsyncIterator[ExampleServers]:
    """Served in this event loop."""
    async with (
        authorization_server() as owners,
        remote_mcp_server() as catalogue,
        remote_mcp_server() as calendar,
        openapi_shop() as contacts,
    ):
        servers = ExampleServers(owners, catalogue, calendar, contacts)
        catalogue.who, catalogue.tools_more = servers.owner_of_key, CATALOGUE_TOOLS
        calendar.who, calendar.tools_more = servers.owner_of_token, ("list_events", "create_event")
        contacts.who = servers.owner_of_token
        yield servers


async def connect_key(servers: ExampleServers, address: str, entity: str) -> None:
    """As an operator does."""
    key = f"{TOKEN_MARK}.key-of-{entity}"
    servers.keys[key] = entity
    said = await hil(address, "connect", "catalogue", "--entity", entity, "--key-stdin", typed=key)
    assert said.exit_code == 0, said.output


async def connect_tokens(servers: ExampleServers, address: str, entity: str) -> None:
    """As an operator and the owner of the account do."""
    said = await hil(address, "connect", "workspace", "--entity", entity)
    assert said.exit_code == 0, said.output
    async with aiohttp.ClientSession() as browser, browser.get(said.output.strip()) as answer:
        assert answer.status == 200, await answer.text()
    servers.owners.grants[-1].owner = entity


async def hil(address: str, *words: str, typed: str = "") -> Result:
    """`hil tool …` against the runner at an address."""
    data_dir = ("--tenant", TENANT) if words[0] == "connect" else ()
    run = partial(CliRunner().invoke, app, ["tool", *words, *data_dir], input=typed)
    return await asyncio.to_thread(run, env={"HIL_TOOL_RUNNER_URL": address})
