"""Do the other services have every tool that a server lists, also after the bucket has lost some?"""

import asyncio

from nats.js.errors import NoKeysError

from service_kit.tasks import end_task
from tests.support.kit import kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.blessings import Blessings
from tool_runner.adapters.tool_catalogue import ToolCatalogue
from tool_runner.adapters.tool_offer import ToolOffer
from tool_runner.adapters.tool_registry import ToolRegistry
from tool_runner.domain.manifest import ListedTool, ServerRules


async def test_a_listing_like_the_last_one_mends_the_bucket(nats_server: NatsServer) -> None:
    listed = [ListedTool(name, "", {"type": "object"}) for name in ("look", "pay")]
    async with kit(nats_server.url) as connection:
        bucket = await connection.jetstream.key_value("hil_tools")
        catalogue = ToolCatalogue(connection.jetstream)
        offer = ToolOffer(
            ToolRegistry({"shop": ServerRules("shop")}), catalogue, Blessings(connection.jetstream), frozenset()
        )

        async def all_there() -> bool:
            try:
                return set(await bucket.keys()) >= {"shop.look", "shop.pay"}
            except NoKeysError:
                return False

        writing = asyncio.create_task(catalogue.run())
        for _ in range(2):
            await offer.take("shop", listed)
            await wait_until(all_there)
            await bucket.purge("shop.pay")
        await end_task(writing)
