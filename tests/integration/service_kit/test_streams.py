"""Streams and consumers come to exist although the server is away for a moment."""

import asyncio

from contracts.streams import LOG, TOOL_RUNNER
from service_kit.streams import ensure_consumer
from tests.support.kit import kit
from tests.support.silence import silence
from tests.support.start_servers import NatsServer


async def test_a_consumer_is_created_once_a_silent_server_answers_again(own_nats_server: NatsServer) -> None:
    async with kit(own_nats_server.url) as connection:
        impatient = connection.client.jetstream(timeout=0.2)
        await silence(own_nats_server, connection)
        creating = asyncio.create_task(ensure_consumer(impatient, TOOL_RUNNER, stream=LOG))
        done, _ = await asyncio.wait({creating}, timeout=0.6)
        own_nats_server.resume()
        assert not done, "one unanswered question ended the start of a service"
        await creating
        assert (await connection.jetstream.consumer_info(LOG.name, TOOL_RUNNER.name)).name == TOOL_RUNNER.name
