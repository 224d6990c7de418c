"""Does an account get new tokens once, and is none lost in silence?"""

import asyncio
import gzip
from collections.abc import Iterable
from dataclasses import replace

import pytest
from aiohttp import web
from redis.asyncio import Redis

from service_kit.errors import RetryLater
from tests.integration.tool_runner.vault.conftest import ANN, Clock, OpenVault, connect
from tests.support.authorization_server import TOKEN_MARK, AuthorizationServer
from tests.support.tool_runner import free_port
from tests.support.wait_until import wait_until
from tool_runner.adapters.vault.oauth_redis import RefreshLeases
from tool_runner.adapters.vault.refresh_tokens import ServerUnavailable
from tool_runner.adapters.vault.vault import Vault
from tool_runner.domain.accounts import AccountState, Missing, NotConnected

LIFE_MS = 3_600_000
MARGIN_MS = 60_000


async def header(vault: Vault) -> str:
    found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected), found
    return found.headers["Authorization"]


async def test_a_storm_of_calls_in_two_replicas_makes_one_refresh(
    open_vault: OpenVault, server: AuthorizationServer, clock: Clock
) -> None:
    async with open_vault() as first, open_vault() as second:
        await connect(first)
        clock.now_ms += LIFE_MS
        server.hold.clear()
        calls = [asyncio.create_task(header(vault)) for vault in (first, second) for _ in range(50)]
        await wait_until(lambda: server.refreshes)
        server.hold.set()
        headers = await asyncio.gather(*calls)
    assert server.refreshes == 1
    assert len(set(headers)) == 1 and server.accepts(headers[0])


async def test_each_refresh_uses_the_refresh_token_that_the_last_one_brought(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    for count in (1, 2, 3):
        clock.now_ms += LIFE_MS
        assert server.accepts(await header(vault))
        assert server.refreshes == count


async def test_tokens_are_renewed_a_minute_before_they_end_and_not_earlier(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    clock.now_ms += LIFE_MS - MARGIN_MS - 1
    await header(vault)
    assert server.refreshes == 0
    clock.now_ms += 1
    await header(vault)
    assert server.refreshes == 1


async def test_tokens_without_a_known_life_are_not_refreshed(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    server.lifetime_seconds = None
    await connect(vault)
    clock.now_ms += 100 * LIFE_MS
    assert server.accepts(await header(vault)) and server.refreshes == 0


async def test_an_answer_that_got_lost_after_the_server_changed_the_token_asks_for_a_new_connection(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    """As a crash between the server's answer and our own write."""
    await connect(vault)
    clock.now_ms += LIFE_MS
    server.faults, vault.refresher.quiet_seconds = ["lost"], 0
    with pytest.raises(ServerUnavailable):
        await header(vault)
    missing = await vault.credentials_for("acme", "ann", "shop")
    assert missing == NotConnected("shop", Missing.NEEDS_RECONNECT)
    assert "connected again" in missing.detail
    [connection], _ = await vault.records.listed("acme", entity="ann", limit=10, cursor=None)
    assert (connection.state, connection.reason) == (AccountState.NEEDS_RECONNECT, "its server says invalid_grant")
    await connect(vault)
    assert server.accepts(await header(vault))


async def test_a_caller_who_gives_up_does_not_cut_the_refresh(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    clock.now_ms += LIFE_MS
    server.hold.clear()
    call = asyncio.create_task(header(vault))
    await wait_until(lambda: server.refreshes)
    call.cancel()
    await asyncio.wait({call})
    server.hold.set()
    assert server.accepts(await header(vault))
    assert server.refreshes == 1


async def test_a_vault_that_closes_lets_its_refresh_end(
    open_vault: OpenVault, server: AuthorizationServer, clock: Clock
) -> None:
    async with open_vault() as vault:
        await connect(vault)
        clock.now_ms += LIFE_MS
        server.hold.clear()
        call = asyncio.create_task(header(vault))
        await wait_until(lambda: server.refreshes)
        call.cancel()
        asyncio.get_running_loop().call_later(0.05, server.hold.set)
    async with open_vault() as later:
        assert server.accepts(await header(later))
    assert server.refreshes == 1


async def test_new_tokens_win_over_the_refusal_that_a_slower_process_got(
    open_vault: OpenVault, server: AuthorizationServer, clock: Clock
) -> None:
    """Both hold the lease, as after a pause longer than it: only one gets tokens, and they are kept."""
    async with open_vault() as first, open_vault() as second:
        await connect(first)
        clock.now_ms += LIFE_MS
        seen = await first.records.load(ANN)
        assert seen is not None
        server.hold.clear()
        answers = [asyncio.create_task(vault.refresher.ask(seen)) for vault in (first, second)]
        await wait_until(lambda: server.refreshes == 2)
        server.hold.set()
        await asyncio.gather(*answers)
        kept = await first.records.load(ANN)
    assert kept is not None and kept.connection.state is AccountState.CONNECTED
    assert kept.connection.generation == seen.connection.generation + 1


async def test_an_account_that_was_disconnected_meanwhile_stays_so(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    clock.now_ms += LIFE_MS
    server.hold.clear()
    call = asyncio.create_task(vault.credentials_for("acme", "ann", "shop"))
    await wait_until(lambda: server.refreshes)
    record = await vault.records.load(ANN)
    assert record is not None
    gone = replace(record.connection, state=AccountState.DISCONNECTED)
    await vault.records.save(gone, record.sealed, version=record.version)
    server.hold.set()
    assert await call == NotConnected("shop", Missing.DISCONNECTED)


async def test_an_account_that_was_forgotten_and_connected_anew_meanwhile_is_not_refreshed(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    seen = await vault.records.load(ANN)
    assert seen is not None
    await vault.disconnect(ANN)
    clock.now_ms += 1
    await connect(vault)
    await vault.refresher.refresh(seen)
    assert server.refreshes == 0 and server.accepts(await header(vault))


def refusals() -> Iterable[web.Response | str]:
    text = f"{TOKEN_MARK} is quoted here"
    yield web.Response(status=500, text=text)
    yield web.json_response({"error": "temporarily_unavailable", "error_description": text}, status=400)
    yield web.Response(status=429, text=text)
    yield web.Response(text=text)
    yield web.json_response({"access_token": text, "token_type": "bearer"})
    yield web.json_response({"access_token": "x", "token_type": "mac"})
    yield web.json_response({"access_token": "", "token_type": "bearer", "expires_in": 60})
    yield web.Response(body=b"x" * 300_000)
    compressed = gzip.compress(b'{"access_token": "x", "token_type": "bearer"}')
    yield web.Response(body=compressed, headers={"content-encoding": "gzip"})


@pytest.mark.parametrize("number", range(9))
async def test_a_server_that_answers_nothing_usable_costs_no_account_and_is_left_in_peace(
    vault: Vault, server: AuthorizationServer, clock: Clock, number: int
) -> None:
    await connect(vault)
    old = await header(vault)
    clock.now_ms += LIFE_MS - MARGIN_MS
    server.faults = [list(refusals())[number]]
    assert [await header(vault) for _ in range(10)] == [old] * 10, "it is good for a minute yet"
    assert server.refreshes == 1
    clock.now_ms += MARGIN_MS
    with pytest.raises(RetryLater) as told:
        await header(vault)
    assert TOKEN_MARK not in str(told.value) and "the token endpoint of shop" in str(told.value)
    assert server.refreshes == 1


async def test_without_redis_a_token_is_used_for_as_long_as_it_is_good(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    old = await header(vault)
    clock.now_ms += LIFE_MS - MARGIN_MS
    async with Redis(port=free_port()) as away:
        vault.refresher.leases = RefreshLeases(away)
        assert await header(vault) == old
        clock.now_ms += MARGIN_MS
        with pytest.raises(RetryLater, match="redis"):
            await header(vault)
    assert server.refreshes == 0


async def test_a_server_that_refuses_this_system_is_a_fault_of_the_manifest(
    vault: Vault, server: AuthorizationServer, clock: Clock
) -> None:
    await connect(vault)
    clock.now_ms += LIFE_MS
    server.faults, vault.refresher.quiet_seconds = [web.json_response({"error": "invalid_client"}, status=401)], 0
    missing = await vault.credentials_for("acme", "ann", "shop")
    assert missing == NotConnected("shop", Missing.CLIENT_REFUSED) and "manifest" in missing.detail
    assert server.accepts(await header(vault)), "the account itself is as it was"


async def test_redirects_are_not_followed(vault: Vault, server: AuthorizationServer, clock: Clock) -> None:
    await connect(vault)
    clock.now_ms += LIFE_MS
    server.faults = [web.Response(status=307, headers={"location": f"{server.url}/token"})]
    assert await vault.credentials_for("acme", "ann", "shop") == NotConnected("shop", Missing.CLIENT_REFUSED)
    assert server.refreshes == 1
