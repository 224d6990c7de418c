"""Publishing surely: once in effect, whatever the server does meanwhile."""

import asyncio

import pytest

from contracts.envelope import Identity
from contracts.streams import LOG
from service_kit.bus import publish
from service_kit.connection import Refused
from service_kit.errors import RetryLater
from service_kit.log import Log
from tests.support.kit import TENANT, kit, received, say
from tests.support.start_servers import NatsServer


async def test_what_is_published_over_a_restart_of_the_server_is_stored_once(own_nats_server: NatsServer) -> None:
    async with kit(own_nats_server.url) as connection:
        await say(connection, "c1", "0")
        own_nats_server.kill()
        saying = [asyncio.create_task(say(connection, "c1", str(turn + 1))) for turn in range(50)]
        own_nats_server.restart()
        sequences = await asyncio.gather(*saying)
        entries = await Log(connection).read(TENANT, "c1")
        assert len({entry.id for entry in entries}) == len(entries) == 51
        assert set(sequences) <= {entry.sequence for entry in entries}


async def test_a_repeat_tells_where_the_first_one_is(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        assert await say(connection, "c1", "1") == await say(connection, "c1", "1")


async def test_a_server_that_stays_away_is_outside_trouble(
    own_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_kit.connection.RETRY_BUDGET_SECONDS", 0.5)
    monkeypatch.setattr("service_kit.connection.ACK_TIMEOUT_SECONDS", 0.2)
    async with kit(own_nats_server.url) as connection:
        own_nats_server.kill()
        with pytest.raises(RetryLater, match=r"publish: .*received"):
            await say(connection, "c1", "1")


async def test_a_message_that_the_server_will_never_take_is_not_tried_for_ever(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        with pytest.raises(Refused, match="10097"):
            await publish(connection, received("1"), Identity(TENANT, "c1", "i" * 70_000, "cause"))
        assert (await connection.jetstream.stream_info(LOG.name)).state.messages == 0
