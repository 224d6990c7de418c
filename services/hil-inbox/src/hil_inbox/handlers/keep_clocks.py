"""How are handovers acknowledged and timed, whichever replica is alive?

Like a decision of the orchestrator: fold the key's log to its end, append what is owed behind a fence until nothing is,
then arm the key's timer, then acknowledge. So a kill at any moment leaves a delivery that comes again, or a timer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Counter

from contracts.conversations import AnnounceMessage
from contracts.envelope import Identity
from contracts.handover_clocks import ApprovalDelivered, HandoverBreached, HandoverDelivered
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.owed import Owed, next_wake, owed, queues_to_ask
from hil_inbox.domain.ownership import Ownership
from hil_inbox.domain.queues import Queue, Queues
from hil_inbox.domain.surroundings import Surroundings
from hil_inbox.handlers.settle_command import Desk
from service_kit.bus import Delivery
from service_kit.errors import RetryLater
from service_kit.log import FenceRefused

STEPS_MAX = 200
"""Appends and lost fences that one message may lead to; more is a loop, or a key that never stands still."""
DELIVERED = Counter("hil_inbox_handovers_delivered_total", "Handovers acknowledged.", ("queue", "fallback"))
ASKED = Counter("hil_inbox_approvals_delivered_total", "Approvals put into a queue.", ("queue", "fallback"))
BREACHED = Counter("hil_inbox_clocks_breached_total", "Clocks that ran out.", ("queue", "clock"))

PeopleOnline = Callable[[Queue, str], Awaitable[int | None]]
"""How many people could take something from this queue of a tenant; None while nobody knows."""
WaitingCount = Callable[[str, str], Awaitable[int]]
"""How many handovers of a tenant wait in the queue of this name."""


class Timers(Protocol):
    """One timer a key (adapters/clock_timer.py)."""

    async def arm(self, tenant: str, key: str, *, due_ms: int, woken: int) -> None: ...


@dataclass(frozen=True, slots=True)
class ClockKeeper:
    """Without `people_online` nobody knows who is there, and the reaction for that case stays out."""

    desk: Desk
    timers: Timers
    queues: Queues
    waiting_count: WaitingCount
    people_online: PeopleOnline | None = None

    async def __call__(self, delivery: Delivery) -> None:
        """One message of the key. Raises RetryLater."""
        subject = delivery.subject
        state = await self._nothing_owed(subject.tenant, subject.key, delivery)
        due_ms = next_wake(state)
        if due_ms != NEVER_MS:
            await self.timers.arm(subject.tenant, subject.key, due_ms=due_ms, woken=state.woken)

    async def _nothing_owed(self, tenant: str, key: str, delivery: Delivery) -> Ownership:
        """The state after everything that is owed was appended."""
        state = await self.desk.through(delivery)
        for _ in range(STEPS_MAX):
            found = owed(state, max(self.desk.now_ms(), state.log_ms), await self._around(state))
            if found is None:
                return state
            identity = Identity(tenant, key, found.id, delivery.entry.id)
            if isinstance(found.message, AnnounceMessage):
                # A command to another service excludes nothing; by its derived id it is one, however often it comes.
                sequence = await self.desk.publish(found.message, identity)
                state = await self.desk.known(tenant, key, through=sequence)
                continue
            try:
                entry = await self.desk.log.append(found.message, identity, fence=state.sequence)
            except FenceRefused as refused:
                state = await self.desk.after_refusal(state, refused)
                continue
            state = await self.desk.known(tenant, key, through=entry.sequence)
            _count(found)
        raise RetryLater(f"{tenant}.{key}: {STEPS_MAX} steps, and still something is owed")

    async def _around(self, state: Ownership) -> Surroundings:
        """People and places are looked at only where a handover or an approval is to be acknowledged."""
        asked = queues_to_ask(state, self.queues)
        waiting = {queue.name: await self.waiting_count(state.tenant, queue.name) for queue in asked}
        if self.people_online is None:
            return Surroundings(self.queues, None, waiting)
        online = {queue.name: await self.people_online(queue, state.tenant) for queue in asked}
        known = {name: count for name, count in online.items() if count is not None}
        return Surroundings(self.queues, known if len(known) == len(online) else None, waiting)


def _count(found: Owed) -> None:
    match found.message:
        case HandoverDelivered(queue=queue, fallback=fallback):
            DELIVERED.labels(queue, fallback).inc()
        case ApprovalDelivered(queue=queue, fallback=fallback):
            ASKED.labels(queue, fallback).inc()
        case HandoverBreached(queue=queue, clock=clock):
            BREACHED.labels(queue, clock).inc()
