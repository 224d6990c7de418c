"""Does an account become the entity's own, by its owner's yes alone?"""

import asyncio
from dataclasses import replace

import pytest
import redis
from aiohttp import web
from yarl import URL

from tests.integration.tool_runner.vault.conftest import ANN, Clock, OpenVault, brought_back, connect, owner_agrees
from tests.support.authorization_server import AuthorizationServer
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.vault.account_records import AccountRecords, Record
from tool_runner.adapters.vault.oauth_redis import STARTED_BY_TENANT_MAX, STARTED_MAX, TooManyStarted
from tool_runner.adapters.vault.vault import Vault
from tool_runner.domain.accounts import Account, Connection, Credentials, Missing, NotConnected
from tool_runner.domain.oauth import PENDING_SECONDS, Callback, CallbackRefused


async def test_a_connected_account_gives_the_header_that_the_api_takes(
    vault: Vault, server: AuthorizationServer
) -> None:
    connection = await connect(vault)
    found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected)
    assert list(found.headers) == ["Authorization"] and server.accepts(found.headers["Authorization"])
    assert connection.scopes == ("read", "write")


@pytest.mark.parametrize(("tenant", "entity"), [("acme", "bob"), ("other", "ann")])
async def test_nobody_elses_calls_are_made_with_it(vault: Vault, tenant: str, entity: str) -> None:
    await connect(vault)
    missing = await vault.credentials_for(tenant, entity, "shop")
    assert missing == NotConnected("shop", Missing.NEVER_CONNECTED)
    assert "must be connected first" in missing.detail and "http" not in missing.detail


async def test_a_state_is_good_once_also_for_two_at_the_same_time(vault: Vault) -> None:
    state, callback = await brought_back(vault)
    ended = await asyncio.gather(*(vault.finish("shop", state, callback) for _ in range(5)))
    assert sum(isinstance(one, Connection) for one in ended) == 1


async def test_a_state_ends_after_ten_minutes(vault: Vault, clock: Clock) -> None:
    state, callback = await brought_back(vault)
    clock.now_ms += PENDING_SECONDS * 1_000
    assert isinstance(await vault.finish("shop", state, callback), CallbackRefused)


@pytest.mark.parametrize("state", ["", "made-up", "x" * 10_000])
async def test_a_state_that_nobody_gave_is_refused(vault: Vault, server: AuthorizationServer, state: str) -> None:
    refused = await vault.finish("shop", state, Callback("a code"))
    assert isinstance(refused, CallbackRefused) and "start the connection again" in refused.reason
    assert server.exchanges == 0


async def test_a_tenant_that_starts_too_many_connections_locks_out_no_other(
    vault: Vault, redis_server: RedisServer, clock: Clock
) -> None:
    elsewhere = Account("other", "ann", "shop")
    await brought_back(vault)
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        together, tenants = sorted(client.keys("hil:oauth_states_started:*"), key=len)
        assert all(0 < client.ttl(key) <= PENDING_SECONDS for key in (together, tenants))
        client.set(tenants, STARTED_BY_TENANT_MAX)
        for _ in range(3):
            with pytest.raises(TooManyStarted, match=f"tenant acme: {STARTED_BY_TENANT_MAX} connections.*try later"):
                await brought_back(vault)
        await brought_back(vault, elsewhere)
        assert client.get(together) == "2", "what is refused is not counted"
        client.set(together, STARTED_MAX)
    with pytest.raises(TooManyStarted, match=f"all tenants together: {STARTED_MAX} connections"):
        await brought_back(vault, elsewhere)
    clock.now_ms += PENDING_SECONDS * 1_000
    await brought_back(vault)


async def test_a_code_of_another_flow_is_refused_by_pkce(vault: Vault) -> None:
    first_state, _ = await brought_back(vault)
    _, second_callback = await brought_back(vault, Account("acme", "mallory", "shop"))
    refused = await vault.finish("shop", first_state, second_callback)
    assert refused == CallbackRefused("the token endpoint of shop says invalid_grant")


async def test_a_server_that_sends_the_owner_on_to_another_apps_server_does_not_get_its_code(
    vault: Vault, server: AuthorizationServer
) -> None:
    """RFC 9700, 4.4: the flow was started at mall, whose server is hostile; the code that comes is one of shop."""
    mall, shop = (vault.apps[name].oauth for name in ("mall", "shop"))
    assert mall is not None and shop is not None
    at_mall = URL((await vault.start(Account("acme", "ann", "mall"), mall)).url)
    at_shop = URL((await vault.start(ANN, shop)).url)
    assert at_mall.query["redirect_uri"] != at_shop.query["redirect_uri"]
    sent_on = at_mall.update_query(redirect_uri=at_shop.query["redirect_uri"])
    brought = await owner_agrees(str(sent_on))
    refused = await vault.finish("shop", brought["state"], Callback(brought["code"]))
    assert isinstance(refused, CallbackRefused) and "another app's" in refused.reason
    assert server.exchanges == 0


async def test_a_no_of_the_owner_uses_the_state_up(vault: Vault) -> None:
    state, callback = await brought_back(vault)
    assert await vault.finish("shop", state, Callback(error="access_denied")) == CallbackRefused(
        "the server says access_denied"
    )
    assert isinstance(await vault.finish("shop", state, callback), CallbackRefused)


@pytest.mark.parametrize(
    ("declared", "said", "connects"),
    [
        ("https://id.example", "https://id.example", True),
        ("https://id.example", "https://evil.example", False),
        ("https://id.example", None, False),
        (None, "https://id.example", False),
    ],
)
async def test_the_issuer_must_be_the_declared_one(
    open_vault: OpenVault, server: AuthorizationServer, *, declared: str | None, said: str | None, connects: bool
) -> None:
    server.issuer = said
    async with open_vault(issuer=declared) as vault:
        state, callback = await brought_back(vault)
        assert isinstance(await vault.finish("shop", state, callback), Connection) is connects
    assert server.exchanges == connects


async def test_another_replica_finishes_what_one_has_started(open_vault: OpenVault) -> None:
    async with open_vault() as first, open_vault() as second:
        state, callback = await brought_back(first)
        assert isinstance(await second.finish("shop", state, callback), Connection)
        assert not isinstance(await first.credentials_for("acme", "ann", "shop"), NotConnected)


async def test_disconnecting_makes_the_tokens_void_at_the_server(vault: Vault, server: AuthorizationServer) -> None:
    await connect(vault)
    ended = await vault.disconnect(ANN)
    assert ended is not None and ended.unconfirmed is None
    assert len(server.revoked) == 2 and not server.grants[0].alive
    assert await vault.records.load(ANN) is None
    assert await vault.disconnect(ANN) is None


async def test_an_account_is_not_used_while_its_server_has_not_revoked_it(
    vault: Vault, server: AuthorizationServer
) -> None:
    await connect(vault)
    server.revocation_status = 503
    ended = await vault.disconnect(ANN)
    assert ended is not None and ended.unconfirmed == "status 503"
    assert await vault.credentials_for("acme", "ann", "shop") == NotConnected("shop", Missing.DISCONNECTED)
    server.revocation_status = 200
    again = await vault.disconnect(ANN)
    assert again is not None and again.unconfirmed is None and not server.grants[0].alive


async def test_an_account_that_is_connected_again_while_it_is_revoked_is_not_forgotten(
    vault: Vault, server: AuthorizationServer
) -> None:
    await connect(vault)
    server.hold_revocations.clear()
    ending = asyncio.create_task(vault.disconnect(ANN))
    await wait_until(lambda: server.revocations)
    await connect(vault)
    server.hold_revocations.set()
    await ending
    found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected) and server.accepts(found.headers["Authorization"])


async def test_an_account_that_is_connected_again_at_the_last_moment_is_not_forgotten(
    vault: Vault, server: AuthorizationServer
) -> None:
    class ConnectedMeanwhile(AccountRecords):
        """Its owner is that little bit quicker than the deletion."""

        async def delete(self, record: Record) -> None:
            await connect(vault)
            await vault.records.delete(record)

    await connect(vault)
    slower = replace(vault, records=ConnectedMeanwhile(vault.records.store, vault.records.seal))
    ended = await slower.disconnect(ANN)
    assert ended is not None and ended.unconfirmed is None
    found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected) and server.accepts(found.headers["Authorization"])


async def test_two_connections_never_have_the_same_moment(vault: Vault, clock: Clock) -> None:
    """By it results of the one are told from those of the other."""
    moments = [(await connect(vault)).connected_at_ms for _ in range(2)]
    clock.now_ms -= 60_000
    last = await connect(vault)
    found = await vault.credentials_for("acme", "ann", "shop")
    assert [*moments, last.connected_at_ms] == [clock.now_ms + 60_000 + more for more in range(3)]
    assert isinstance(found, Credentials) and found.connected_at_ms == last.connected_at_ms
    assert last.expires_at_ms == clock.now_ms + 3_600_000, "its life counts from now"


async def test_what_was_started_before_a_disconnection_does_not_finish_after_it(
    vault: Vault, server: AuthorizationServer
) -> None:
    state, callback = await brought_back(vault)
    others_state, others = await brought_back(vault, Account("acme", "bob", "shop"))
    assert await vault.disconnect(ANN) is None, "there is nothing but what was started"
    refused = await vault.finish("shop", state, callback)
    assert isinstance(refused, CallbackRefused) and "last disconnection" in refused.reason
    assert server.exchanges == 0
    assert isinstance(await vault.finish("shop", others_state, others), Connection)
    await connect(vault)


async def test_a_disconnection_also_ends_what_is_being_exchanged(
    open_vault: OpenVault, server: AuthorizationServer
) -> None:
    async with open_vault() as vault, open_vault() as other:
        await connect(vault)
        state, callback = await brought_back(vault)
        server.hold.clear()
        finishing = asyncio.create_task(vault.finish("shop", state, callback))
        await wait_until(lambda: server.exchanges == 2)
        await other.disconnect(ANN)
        server.hold.set()
        assert isinstance(await finishing, CallbackRefused)
        assert await vault.credentials_for("acme", "ann", "shop") == NotConnected("shop", Missing.NEVER_CONNECTED)
    assert [grant.alive for grant in server.grants] == [False, False]


@pytest.mark.parametrize("status", [200, 503])
async def test_connecting_again_revokes_what_was_there_where_the_app_is_declared_so(
    open_vault: OpenVault, server: AuthorizationServer, status: int
) -> None:
    server.revocation_status = status
    async with open_vault(revoke_replaced=True) as vault:
        for _ in range(2):
            await connect(vault)
        found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected) and server.accepts(found.headers["Authorization"])
    assert [grant.alive for grant in server.grants] == [status == 503, True]
    assert server.revocations == 2, "access and refresh token, once each"


@pytest.mark.parametrize(("declared", "same_token"), [(False, False), (True, True)])
async def test_connecting_again_revokes_nothing_that_the_new_connection_may_need(
    open_vault: OpenVault, server: AuthorizationServer, *, declared: bool, same_token: bool
) -> None:
    if same_token:
        answer = {"access_token": "the-person's", "token_type": "bearer"}
        server.faults = [web.json_response(answer) for _ in range(2)]
    async with open_vault(revoke_replaced=declared) as vault:
        for _ in range(2):
            await connect(vault)
    assert server.revocations == 0
