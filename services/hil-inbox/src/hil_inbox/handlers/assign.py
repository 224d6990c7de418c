"""How do waiting handovers get to people who have room, one replica at a time?"""

from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from prometheus_client import Counter

from contracts.handovers import HandoverClaimed
from hil_inbox.adapters.queue_store import Held
from hil_inbox.domain.assignment import Agent, QueueRow, assign
from hil_inbox.domain.house_commands import AssignHandover, HouseCommand
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.people import Person
from hil_inbox.domain.presence import Given, Present, Roll, agent_of
from hil_inbox.domain.queues import Queue

GIVEN_MAX = 200
"""Handovers that one pass gives away in a tenant."""
TURN_SECONDS = 6.0
TURN_RENEWED_EACH = 20
LOST = Counter("hil_inbox_assignments_lost_total", "Assignments that came too late: somebody was first.", ("queue",))

Settle = Callable[[str, str, HouseCommand], Awaitable[Stored]]


class Presence(Protocol):
    """Who is there (adapters/presence.py); each call raises RetryLater while that is not known."""

    async def tenants(self) -> list[str]: ...

    async def roll(self, tenant: str) -> Roll: ...

    async def has_turn(self, *, seconds: float) -> bool: ...

    async def note_given(self, tenant: str, given: Given, *, now_ms: int) -> None: ...

    async def forget_given(self, tenant: str, given: Given) -> None: ...

    async def note_work(self, tenant: str, people: Mapping[str, Present]) -> None: ...


class Rows(Protocol):
    """The documents of the queue (adapters/queue_store.py)."""

    async def get(self, tenant: str, handover_id: str) -> Held | None: ...

    async def waiting(self, tenant: str, queue: str) -> list[Held]: ...

    async def in_hand(self, tenant: str) -> dict[str, set[str]]: ...


class People(Protocol):
    """What is known of the people of a tenant (adapters/people_store.py)."""

    async def of_tenant(self, tenant: str) -> list[Person]: ...


@dataclass(slots=True)
class Assigner:
    """Gives away what waits. The turn keeps replicas from counting beside each other; the log alone decides who owns
    what, so a replica that slept through its turn can at most give somebody one more than their capacity."""

    presence: Presence
    rows: Rows
    people: People
    settle: Settle
    queues: Mapping[str, Queue]
    capacity: int

    async def once(self) -> int:
        """One look at all tenants with people there; how many handovers found an owner. Raises RetryLater."""
        given = 0
        for tenant in await self.presence.tenants():
            if not await self.presence.has_turn(seconds=TURN_SECONDS):
                return given
            given += await self._give_in(tenant)
        return given

    async def present(self, tenant: str) -> list[Agent]:
        """Who is there. What they have in hand is not counted: that is asked for with each new handover, and counting
        reads a document for each that anybody has."""
        return await self._agents(tenant, await self.presence.roll(tenant), {})

    async def _give_in(self, tenant: str) -> int:
        queues = {name: queue for name, queue in self.queues.items() if queue.mode != "claim"}
        roll = await self.presence.roll(tenant)
        if not queues or not any(one.status == "online" for one in roll.people.values()):
            return 0
        waiting = {held.id: held for name in queues for held in await self.rows.waiting(tenant, name)}
        in_hand = await self._in_hand(tenant, roll, waiting)
        agents = await self._agents(tenant, roll, in_hand)
        await self._note_idle(tenant, roll, agents)
        shown_late = {one.handover_id for one in roll.given if _is_shown_late(one, waiting.get(one.handover_id))}
        rows: list[QueueRow] = [held.row for held in waiting.values() if held.id not in shown_late]
        made = assign(rows, agents, queues, now_ms=roll.now_ms)[:GIVEN_MAX]
        given = 0
        for number, one in enumerate(made, start=1):
            if number % TURN_RENEWED_EACH == 0 and not await self.presence.has_turn(seconds=TURN_SECONDS):
                break
            given += await self._give(tenant, waiting[one.handover_id], one.agent_id, now_ms=roll.now_ms + number)
        await self._note_given(tenant, roll, made_by=(one.agent_id for one in made))
        return given

    async def _give(self, tenant: str, held: Held, agent_id: str, *, now_ms: int) -> int:
        """1 if it is theirs now. The command's id is of the handover in this epoch: it has one answer, whoever asks."""
        given = Given(held.id, held.epoch, agent_id)
        await self.presence.note_given(tenant, given, now_ms=now_ms)
        command = AssignHandover(f"assign-{held.id}-{held.epoch}"[:128], held.id, held.epoch, agent_id)
        fact = (await self.settle(tenant, held.key, command)).fact
        if isinstance(fact, HandoverClaimed) and fact.agent_id == agent_id:
            return 1
        LOST.labels(held.row.queue).inc()
        await self.presence.forget_given(tenant, given)
        return 0

    async def _in_hand(self, tenant: str, roll: Roll, waiting: Mapping[str, Held]) -> dict[str, int]:
        """How many each has, with those that were given and that the documents do not show yet."""
        owned = await self.rows.in_hand(tenant)
        loads = Tally({name: len(ids) for name, ids in owned.items()})
        for given in roll.given:
            held = waiting.get(given.handover_id) or await self.rows.get(tenant, given.handover_id)
            loads[given.actor_id] += _is_shown_late(given, held)
        return dict(loads)

    async def _agents(self, tenant: str, roll: Roll, in_hand: Mapping[str, int]) -> list[Agent]:
        known = {person.actor_id: person for person in await self.people.of_tenant(tenant)}
        return [
            agent_of(one, known.get(name), load=in_hand.get(name, 0), capacity=self.capacity)
            for name, one in roll.people.items()
        ]

    async def _note_idle(self, tenant: str, roll: Roll, agents: Iterable[Agent]) -> None:
        """Somebody with less in hand than at the last look has finished something since."""
        changed: dict[str, Present] = {}
        for agent in agents:
            known = roll.people[agent.id]
            if agent.load != known.load_seen:
                idle_ms = roll.now_ms if agent.load < known.load_seen else known.idle_ms
                changed[agent.id] = replace(known, load_seen=agent.load, idle_ms=idle_ms)
        roll.people.update(changed)
        await self.presence.note_work(tenant, changed)

    async def _note_given(self, tenant: str, roll: Roll, *, made_by: Iterable[str]) -> None:
        """Whose turn it was, so that the next pass goes on with the others."""
        changed = {
            name: replace(roll.people[name], assigned_ms=roll.now_ms + number)
            for number, name in enumerate(made_by, start=1)
        }
        await self.presence.note_work(tenant, changed)


def _is_shown_late(given: Given, held: Held | None) -> bool:
    """Whether the documents still show it as it was before it was given."""
    return held is not None and held.is_waiting and held.epoch == given.epoch
