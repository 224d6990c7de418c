"""A consumer that is gone: asked for with pauses, consumed from again once it is back."""

import asyncio

from contracts.conversations import MessageReceived
from contracts.streams import LOG, ConsumerSpec
from service_kit.bus import Delivery
from service_kit.streams import ensure_consumer
from tests.support.kit import consuming, kit, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("reader", (MessageReceived,), ack_wait_seconds=2.0)


async def test_a_consumer_that_was_deleted_is_asked_with_pauses_and_used_again_once_it_exists(
    nats_server: NatsServer,
) -> None:
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.subject.key)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await say(connection, "c1", "1")
        await wait_until(lambda: seen == ["c1"])
        await connection.jetstream.delete_consumer(LOG.name, SPEC.name)
        before, started = connection.client.stats["out_msgs"], asyncio.get_running_loop().time()
        await wait_until(lambda: asyncio.get_running_loop().time() > started + 2)
        assert connection.client.stats["out_msgs"] - before < 20, "it asks without a pause"
        await ensure_consumer(connection.jetstream, SPEC, stream=LOG)
        await say(connection, "c2", "1")
        await wait_until(lambda: "c2" in seen)
