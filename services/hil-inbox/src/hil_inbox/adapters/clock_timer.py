"""How is a conversation woken when one of its clocks is due, or a snooze is over?"""

from dataclasses import dataclass

from contracts.handover_clocks import HandoverDue
from service_kit.connection import Connection
from service_kit.key_timers import KeyTimers

TIMER_ID = "inbox"


@dataclass(frozen=True, slots=True)
class ClockTimers:
    """One timer a key, which publishes `handover.due` into its log. It is only ever brought forward: one that fires too
    early finds nothing owed and is armed again, one that was put off would be lost."""

    timers: KeyTimers

    async def arm(self, tenant: str, key: str, *, due_ms: int) -> None:
        """Make sure that a timer is stored which fires no later than `due_ms`; one in the past fires at once. Raises
        RetryLater when the server does not take it."""
        await self.timers.arm(tenant, key, due_ms=due_ms, known=await self.timers.stored(tenant, key))


def clock_timers(connection: Connection) -> ClockTimers:
    """The inbox's timers of all keys."""
    return ClockTimers(KeyTimers(connection, TIMER_ID, lambda due_ms: HandoverDue(due_ms=due_ms)))
