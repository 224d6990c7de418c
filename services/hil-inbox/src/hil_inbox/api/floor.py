"""What do the routes of people at work need, plugged together by app.py?"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from hil_inbox.adapters.ai_stops import AiStops
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.presence import Presence
from hil_inbox.adapters.queue_store import QueueStore
from hil_inbox.domain.assignment import online_for
from hil_inbox.domain.queues import Queue
from hil_inbox.handlers.assign import Assigner
from hil_inbox.handlers.rehome import Rehomer
from service_kit.errors import RetryLater

Tell = Callable[[str, str, str], Awaitable[None]]
"""Tell desktops: (tenant, actor, status)."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who is there, what waits for them, and what is done about it."""

    presence: Presence
    assigner: Assigner
    rehomer: Rehomer
    rows: QueueStore
    people: PeopleStore
    stops: AiStops
    queues: Mapping[str, Queue]
    tell: Tell
    now_ms: Callable[[], int]

    async def people_online(self, queue: Queue, tenant: str) -> int | None:
        """How many people are there for a queue, however much they have in hand; None while that is not known."""
        try:
            return online_for(await self.assigner.present(tenant), queue)
        except RetryLater:
            return None
