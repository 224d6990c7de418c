"""How much of the queue is whose, without counting it for everybody who looks?"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from document_store import DocumentStore, Equal, OneOf
from document_store.protocol import Condition

COUNTED_MAX = 10_000
KEPT_SECONDS = 1.0
KEPT_MAX = 10_000
ReadFloor = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A number, what the documents showed at least as it was counted, and until when it is told."""

    number: int
    as_of_seq: int
    until: float


@dataclass(slots=True)
class QueueCounts:
    """Each condition is counted at most once a second, for all who ask."""

    store: DocumentStore
    read_floor: ReadFloor
    _kept: OrderedDict[tuple[Condition, ...], Counted] = field(default_factory=OrderedDict)

    async def of(self, tenant: str, actor_id: str, teams: Iterable[str]) -> dict[str, int]:
        """For one person: owned, free handovers, pending approvals, free ones of the person's teams, put aside."""
        here, waiting = Equal("tenant", tenant), Equal("state", "waiting")
        mine = Equal("owner_id", actor_id)
        asked: dict[str, tuple[Condition, ...]] = {
            "mine": (here, mine, Equal("state", "assigned")),
            "unclaimed": (here, Equal("kind", "handover"), waiting),
            "approvals": (here, Equal("kind", "approval"), waiting),
            "teams": (here, OneOf("team", tuple(sorted(teams))), waiting),
            "snoozed": (here, mine, Equal("state", "snoozed")),
        }
        counted = {name: await self._counted(conditions) for name, conditions in asked.items()}
        as_of_seq = min(one.as_of_seq for one in counted.values())
        return {name: one.number for name, one in counted.items()} | {"as_of_seq": as_of_seq}

    async def _counted(self, conditions: tuple[Condition, ...]) -> Counted:
        kept = self._kept.get(conditions)
        if kept is not None and kept.until > time.monotonic():
            return kept
        floor = await self.read_floor()
        number = await self.store.count("queue", conditions, at_most=COUNTED_MAX)
        counted = Counted(number, floor, time.monotonic() + KEPT_SECONDS)
        self._kept[conditions] = counted
        self._kept.move_to_end(conditions)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return counted
