"""What becomes of tokens that a tool's server refuses before their end?"""

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.integration.tool_runner.vault.conftest import ANN, OpenVault, connect
from tests.support.authorization_server import AuthorizationServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.vault.refresh_tokens import RENEW_SECONDS, ServerUnavailable
from tool_runner.adapters.vault.vault import Vault
from tool_runner.domain.accounts import Account, Missing, NotConnected


async def carried(vault: Vault) -> Mapping[str, str]:
    found = await vault.credentials_for("acme", "ann", "shop")
    assert not isinstance(found, NotConnected), found
    return found.headers


async def test_a_hundred_refusals_in_two_replicas_make_one_refresh(
    open_vault: OpenVault, server: AuthorizationServer
) -> None:
    async with open_vault() as first, open_vault() as second:
        await connect(first)
        refused = await carried(first)
        server.hold.clear()
        asking = [
            asyncio.create_task(vault.headers_after_refusal(ANN, refused))
            for vault in (first, second)
            for _ in range(50)
        ]
        await wait_until(lambda: server.refreshes)
        server.hold.set()
        answers = await asyncio.gather(*asking)
        assert await second.headers_after_refusal(ANN, refused) == answers[0], "the last one comes late"
    assert server.refreshes == 1
    assert all(answer == answers[0] for answer in answers)
    assert isinstance(answers[0], Mapping) and server.accepts(answers[0]["Authorization"])


@pytest.mark.parametrize(("renew_seconds", "refreshes"), [(RENEW_SECONDS, 1), (0.0, 3)])
async def test_a_server_that_takes_no_token_does_not_make_a_refresh_of_every_call(
    vault: Vault, server: AuthorizationServer, renew_seconds: float, refreshes: int
) -> None:
    await connect(vault)
    vault.refresher.renew_seconds = renew_seconds
    answers = [await vault.headers_after_refusal(ANN, await carried(vault)) for _ in range(3)]
    assert server.refreshes == refreshes
    assert (answers[-1] is None) is (refreshes == 1)


async def test_what_the_owner_revoked_must_be_connected_again(vault: Vault, server: AuthorizationServer) -> None:
    await connect(vault)
    server.grants[0].alive = False
    answer = await vault.headers_after_refusal(ANN, await carried(vault))
    assert answer == NotConnected("shop", Missing.NEEDS_RECONNECT)


async def test_an_app_that_is_away_changes_nothing_and_is_asked_again(
    vault: Vault, server: AuthorizationServer
) -> None:
    await connect(vault)
    refused = await carried(vault)
    server.faults, vault.refresher.quiet_seconds = [web.Response(status=503)], 0
    with pytest.raises(ServerUnavailable):
        await vault.headers_after_refusal(ANN, refused)
    assert await carried(vault) == refused
    await vault.headers_after_refusal(ANN, refused)
    assert server.refreshes == 2


async def test_a_static_key_and_a_token_without_a_refresh_token_have_no_successor(
    vault: Vault, server: AuthorizationServer
) -> None:
    static = Account("acme", "ann", "catalogue")
    await vault.keep_key(static, SecretStr("key-of-ann"))
    assert await vault.headers_after_refusal(static, {"x-api-key": "key-of-ann"}) is None
    assert await vault.headers_after_refusal(static, {"x-api-key": "an older one"}) == {"x-api-key": "key-of-ann"}
    server.faults = [web.json_response({"access_token": "alone", "token_type": "bearer", "expires_in": 3600})]
    await connect(vault)
    assert await vault.headers_after_refusal(ANN, {"Authorization": "Bearer alone"}) is None
    assert await carried(vault) == {"Authorization": "Bearer alone"}, "one server's word does not end an account"
    assert server.refreshes == 0
