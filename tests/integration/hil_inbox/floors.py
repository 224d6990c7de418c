"""Replicas of what assigns and re-homes, on a real log, store and Redis."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from contracts.envelope import Message
from contracts.handover_clocks import HandoverDelivered
from contracts.streams import HIL_INBOX_EVENTS
from document_store import DocumentStore, open_store
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.api.floor import Floor
from hil_inbox.api.open_floor import Ground, open_floor
from hil_inbox.app import clock_ms
from hil_inbox.domain.people import Person
from hil_inbox.domain.queues import Queue
from hil_inbox.handlers.mind_people import Passes
from hil_inbox.handlers.project import Projector
from hil_inbox.handlers.settle_command import Desk
from hil_inbox.settings import Settings
from service_kit.bus import Order, publish
from service_kit.connection import Connection, connected
from service_kit.log import Log
from tests.support.handovers import opened, put
from tests.support.kit import TENANT, consuming, kit, say

QUEUES = {"shop": Queue("shop", mode="least_loaded", cool_down_ms=0)}


@dataclass(frozen=True)
class Hall:
    """What all replicas share."""

    settings: Settings
    connection: Connection
    store: DocumentStore
    queues: Mapping[str, Queue]

    async def person(self, actor_id: str, **fields: object) -> None:
        await PeopleStore(self.store).put(
            Person.model_validate({"tenant": TENANT, "actor_id": actor_id, "capacity": 3, **fields})
        )

    async def handover(self, number: int, **fields: object) -> None:
        """One that waits in the queue `shop`."""
        key, handover_id = f"c{number}", f"h{number}"
        await say(self.connection, key, "1")
        await put(self.connection, opened(handover_id, **fields), key)
        await put(self.connection, HandoverDelivered(handover_id=handover_id, queue="shop", agents_online=0), key)

    async def facts(self, number: int) -> list[Message]:
        entries = await Log(self.connection).read(TENANT, f"c{number}")
        return [entry.message for entry in entries if entry.message is not None]

    @asynccontextmanager
    async def replica(self) -> AsyncIterator[tuple[Floor, Passes]]:
        """With a connection and a memory of its own; its passes run when the test says so."""
        async with connected(self.settings.nats_url, service="hil-inbox") as connection:
            desk = Desk(Log(connection), StateCache(100), clock_ms, partial(publish, connection))
            async with open_floor(self.settings, Ground(connection, self.store, desk, self.queues)) as floor:
                yield floor


@asynccontextmanager
async def hall(
    nats_url: str, redis_url: str, store_url: str, queues: Mapping[str, Queue] = QUEUES
) -> AsyncIterator[Hall]:
    """Documents follow the log; leases and grace are short."""
    settings = Settings(
        nats_url=nats_url, redis_url=redis_url, lease_seconds=0.6, grace_seconds=0.6, assign_every_seconds=0.05
    )
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(kit(nats_url))
        store = await open_store(store_url)
        stack.push_async_callback(store.close)
        await ViewStore(store).prepare()
        await PeopleStore(store).prepare()
        projector = Projector(Log(connection), ViewStore(store), views_max=1_000)
        routes = dict.fromkeys(HIL_INBOX_EVENTS.types, projector)
        await stack.enter_async_context(consuming(connection, HIL_INBOX_EVENTS, routes, Order.BY_KEY))
        yield Hall(settings, connection, store, queues)
