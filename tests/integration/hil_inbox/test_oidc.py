"""Logging in over an identity provider, and everything that must not let anybody in."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

from hil.embedded.ports import free_port
from hil_inbox.adapters.oidc_file import OidcFileError, load_provider
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, identity_provider
from tests.support.inbox_token import give_person
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer

FILE = """
issuer: {issuer}
client_id: hil-inbox
label: Acme
tenant: {{value: acme}}
roles: {{claim: groups, values: {{agents: agent, leads: supervisor}}}}
teams: {{claim: groups, values: {{billing: billing}}}}
"""


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with identity_provider() as found:
        yield found


@pytest.fixture
def settings(nats_server: NatsServer, store_url: str, tmp_path: Path, provider: IdentityProvider) -> Settings:
    file = tmp_path / "oidc.yaml"
    file.write_text(FILE.format(issuer=provider.url))
    port = free_port()
    return Settings(
        nats_url=nats_server.url,
        store_url=store_url,
        http_port=port,
        public_url=f"http://127.0.0.1:{port}",
        oidc_file=file,
        oidc_client_secret=SecretStr(CLIENT_SECRET),
        log_level="error",
    )


@pytest.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    async with running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port):
        yield f"http://127.0.0.1:{settings.http_port}"


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def come_back(session: aiohttp.ClientSession, address: str) -> str:
    """Go to the provider; the address to which it sends the browser back."""
    async with session.get(f"{address}/auth/oidc/start?next=/queue", allow_redirects=False) as response:
        assert response.status == 303, await response.text()
        asked = URL(response.headers["location"], encoded=True)
    async with session.get(asked, allow_redirects=False) as response:
        return response.headers["location"]


async def arrive(session: aiohttp.ClientSession, callback: str) -> tuple[int, str]:
    async with session.get(URL(callback, encoded=True), allow_redirects=False) as response:
        return response.status, response.headers.get("location", "")


async def is_in(session: aiohttp.ClientSession, address: str) -> bool:
    async with session.get(f"{address}/v1/handovers") as response:
        return response.status == 200


async def test_a_person_of_the_provider_gets_their_role_and_teams_and_goes_where_they_wanted(
    address: str, provider: IdentityProvider
) -> None:
    async with browser() as session:
        assert await arrive(session, await come_back(session, address)) == (303, "/queue")
        async with session.get(f"{address}/auth/session") as response:
            who = await response.json()
        assert (who["actor_id"], who["name"], who["role"], who["tenant"]) == ("subject-1", "Ana Lyst", "agent", "acme")
        provider.claims = {"groups": ["agents", "leads"]}
        await arrive(session, await come_back(session, address))
        async with session.get(f"{address}/auth/session") as response:
            assert (await response.json())["role"] == "supervisor"


async def test_an_id_token_that_is_wrong_in_any_way_lets_nobody_in(address: str, provider: IdentityProvider) -> None:
    now = int(time.time())
    wrong: list[dict[str, object]] = [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody-else"},
        {"aud": [CLIENT_ID, "somebody-else"]},
        {"aud": [CLIENT_ID, "somebody-else"], "azp": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": now - 3_600, "iat": now - 7_200},
        {"exp": None},
        {"iat": now + 3_600},
        {"groups": ["visitors"]},
        {"groups": None},
        {"sub": ""},
        {"sub": "a/../b"},
    ]
    async with browser() as session:
        for claims in wrong:
            provider.claims = claims
            assert (await arrive(session, await come_back(session, address)))[0] == 401, claims
        assert provider.exchanges == len(wrong)
        assert not await is_in(session, address)


async def test_an_id_token_that_the_provider_did_not_sign_lets_nobody_in(
    address: str, provider: IdentityProvider
) -> None:
    async with browser() as session:
        for algorithm in ("none", "HS256"):
            provider.algorithm = algorithm
            assert (await arrive(session, await come_back(session, address)))[0] == 401, algorithm
        provider.algorithm, provider.use_foreign_key = "RS256", True
        assert (await arrive(session, await come_back(session, address)))[0] == 401
        assert not await is_in(session, address)


async def test_an_answer_counts_once_and_in_the_browser_that_asked(address: str, provider: IdentityProvider) -> None:
    async with browser() as mine, browser() as other:
        callback = await come_back(mine, address)
        assert (await arrive(other, callback))[0] == 401  # Somebody else's link: a login into their account.
        assert (await arrive(mine, callback))[0] == 401  # And the state is used up.
        assert provider.exchanges == 0
        callback = await come_back(mine, address)
        assert (await arrive(mine, callback))[0] == 303
        assert (await arrive(mine, callback))[0] == 401
        first, second = URL(await come_back(mine, address)), URL(await come_back(mine, address))
        mixed = first.update_query(state=second.query["state"])
        assert (await arrive(mine, str(mixed)))[0] == 401
        assert (await arrive(mine, f"{address}/auth/oidc/callback?state=&code=x"))[0] == 401


async def test_a_name_that_is_somebody_elses_is_not_handed_over(
    address: str, provider: IdentityProvider, settings: Settings
) -> None:
    await give_person(settings.store_url, "subject-1", "admin")
    async with browser() as session:
        assert (await arrive(session, await come_back(session, address)))[0] == 401
        assert not await is_in(session, address)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("issuer: http://127", "issuer: http://idp"), "issuer: must begin with https"),
        (("{value: acme}", "{}"), "tenant: must have either"),
        (("agents: agent", "agents: king"), "roles.values.agents"),
        (("client_id: hil-inbox", "surprise: 1"), "surprise"),
        (("label: Acme", "scopes: [profile]"), "openid"),
    ],
)
def test_a_wrong_file_stops_the_start_and_names_the_field(tmp_path: Path, change: tuple[str, str], text: str) -> None:
    file = tmp_path / "oidc.yaml"
    file.write_text(FILE.format(issuer="http://127.0.0.1:1").replace(*change))
    with pytest.raises(OidcFileError, match=text):
        load_provider(file)
