"""Does a new master key come in while accounts are used, and does an old one go out?"""

import asyncio
from dataclasses import replace

import pytest

from service_kit.errors import RetryLater
from tests.integration.tool_runner.vault.conftest import KEY_NEW, KEY_OLD, Clock, OpenVault, connect
from tests.support.authorization_server import AuthorizationServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.vault.rewrap_tokens import rewrap_once
from tool_runner.adapters.vault.seal_tokens import TokenSeal
from tool_runner.adapters.vault.vault import Vault
from tool_runner.adapters.vault.vault_keys import read_keys
from tool_runner.domain.accounts import Account, Missing, NotConnected

ENTITIES = [f"entity{number}" for number in range(5)]
ADDED, FIRST = f"{KEY_OLD},{KEY_NEW}", f"{KEY_NEW},{KEY_OLD}"


async def usable(vault: Vault) -> bool:
    found = await asyncio.gather(*(vault.credentials_for("acme", entity, "shop") for entity in ENTITIES))
    return all(not isinstance(one, NotConnected) for one in found)


async def sealed_under(vault: Vault, key: str) -> int:
    return len((await vault.records.sealed_under([key], limit=100))[0])


async def test_two_replicas_come_to_a_new_key_one_after_the_other_and_every_call_is_served(
    open_vault: OpenVault, server: AuthorizationServer, clock: Clock
) -> None:
    async with open_vault(ADDED) as second:
        async with open_vault(ADDED) as first:
            for entity in ENTITIES:
                await connect(first, Account("acme", entity, "shop"))
            assert await sealed_under(first, "old") == len(ENTITIES)
        async with open_vault(FIRST) as first:
            await wait_until(lambda: _none_left(first))
            assert await usable(second) and await usable(first)
            clock.now_ms += 3_600_000  # The replica that has the old key first refreshes, and seals under the old one.
            assert await usable(second) and await usable(first)
            assert await sealed_under(first, "old") == len(ENTITIES)
    async with open_vault(FIRST) as first:
        await wait_until(lambda: _none_left(first))
    async with open_vault(KEY_NEW) as later:
        assert await usable(later)


async def _none_left(vault: Vault) -> bool:
    return await sealed_under(vault, "old") == 0


async def test_an_account_that_is_written_while_it_is_wrapped_keeps_what_was_written(open_vault: OpenVault) -> None:
    async with open_vault(KEY_OLD) as before:
        await connect(before, Account("acme", "entity0", "shop"))
        async with open_vault(ADDED) as vault:
            [record], _ = await vault.records.sealed_under(["old"], limit=10)
            await connect(vault, Account("acme", "entity0", "shop"))
            assert not await vault.records.wrap_again(record)
            [record], _ = await vault.records.sealed_under(["old"], limit=10)
            assert record.connection.generation == 2


async def test_a_key_taken_out_too_early_makes_calls_wait_and_breaks_nothing(open_vault: OpenVault) -> None:
    async with open_vault(KEY_OLD) as before:
        for entity in ENTITIES:
            await connect(before, Account("acme", entity, "shop"))
    async with open_vault(KEY_NEW) as hasty:
        with pytest.raises(RetryLater, match="'old', which this process does not have"):
            await usable(hasty)
    async with open_vault(KEY_OLD) as again:
        assert await usable(again)


async def test_an_account_that_was_tampered_with_is_not_used_and_does_not_stop_the_others(
    open_vault: OpenVault,
) -> None:
    async with open_vault(KEY_OLD) as vault:
        for entity in ENTITIES:
            await connect(vault, Account("acme", entity, "shop"))
        theirs = await vault.records.load(Account("acme", "entity0", "shop"))
        mine = await vault.records.load(Account("acme", "entity1", "shop"))
        assert theirs is not None and mine is not None
        await vault.records.save(mine.connection, theirs.sealed, version=mine.version)
        await vault.records.save(theirs.connection, mine.sealed, version=theirs.version)
        assert await vault.credentials_for("acme", "entity1", "shop") == NotConnected("shop", Missing.NEEDS_RECONNECT)
        ahead = replace(vault.records, seal=TokenSeal(read_keys(FIRST, None)))
        assert await rewrap_once(ahead, page=1) == (len(ENTITIES) - 2, 2)
        assert await rewrap_once(ahead, page=1) == (0, 2)
