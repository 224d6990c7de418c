"""How are presence, assignment and re-homing plugged together?"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts.subjects import presence_subject
from document_store import DocumentStore
from hil_inbox.adapters.ai_stops import AiStops
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.presence import Presence, open_presence
from hil_inbox.adapters.queue_store import QueueStore
from hil_inbox.api.floor import Floor
from hil_inbox.domain.house_commands import HouseCommand
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.queues import Queue
from hil_inbox.handlers.assign import Assigner
from hil_inbox.handlers.mind_people import Passes
from hil_inbox.handlers.rehome import Rehomer
from hil_inbox.handlers.settle_command import Asked, Desk, Refusals, settle
from hil_inbox.settings import Settings
from service_kit.connection import Connection

SWEEPS_IN_GRACE = 4
"""At least so many looks at leases in a grace time: half of one without a look is not counted as time away."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the floor stands on."""

    connection: Connection
    store: DocumentStore
    desk: Desk
    queues: Mapping[str, Queue]


@asynccontextmanager
async def open_floor(settings: Settings, ground: Ground) -> AsyncIterator[tuple[Floor, Passes]]:
    """The floor, and the passes to run; they are woken by whatever desktops hear of presence."""
    opened = open_presence(
        settings.redis_url,
        process=token_hex(8),
        lease_seconds=settings.lease_seconds,
        grace_seconds=settings.grace_seconds,
    )
    async with opened as presence:
        floor = _floor(settings, ground, presence)
        every_seconds = min(settings.assign_every_seconds, settings.grace_seconds / SWEEPS_IN_GRACE)
        passes = Passes((floor.rehomer.once, floor.assigner.once), every_seconds)

        async def wake(_: Msg) -> None:
            passes.wake()

        heard = await ground.connection.client.subscribe(presence_subject("*"), cb=wake)
        try:
            yield floor, passes
        finally:
            await heard.unsubscribe()


def _floor(settings: Settings, ground: Ground, presence: Presence) -> Floor:
    desk, client = ground.desk, ground.connection.client
    rows, people = QueueStore(ground.store), PeopleStore(ground.store)

    async def settled(tenant: str, key: str, command: HouseCommand) -> Stored:
        return await settle(desk, Asked(tenant, key, command, command.command_id, Refusals.ANSWERED))

    async def tell(tenant: str, actor_id: str, status: str) -> None:
        """Nobody's work depends on it: who misses it asks for the agents again."""
        body = {"actor_id": actor_id, "status": status, "at_ms": desk.now_ms()}
        try:
            await client.publish(presence_subject(tenant), orjson.dumps(body))
        except NatsError:
            return

    async def tell_offline(tenant: str, actor_id: str) -> None:
        await tell(tenant, actor_id, "offline")

    return Floor(
        presence=presence,
        assigner=Assigner(presence, rows, people, settled, ground.queues, settings.agent_capacity),
        rehomer=Rehomer(presence, rows, settled, tell_offline),
        rows=rows,
        people=people,
        stops=AiStops(ground.connection.jetstream),
        queues=ground.queues,
        tell=tell,
        now_ms=desk.now_ms,
    )
