"""How is a conversation woken when one of its clocks is due, or a snooze is over?"""

from collections import OrderedDict
from dataclasses import dataclass, field

from contracts.handover_clocks import HandoverDue
from service_kit.connection import Connection
from service_kit.key_timers import Armed, KeyTimers

TIMER_ID = "inbox"
KEPT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ClockTimers:
    """One timer a key, which publishes `handover.due` into its log. It is only ever brought forward: one that fires too
    early finds nothing owed and is armed again, one that was put off would be lost.

    The newest KEPT_MAX that were stored are remembered. One is stored for as long as nothing was fired into the log
    behind it, whoever else arms the key: a timer is only ever replaced by an earlier one."""

    timers: KeyTimers
    _armed: "OrderedDict[tuple[str, str], Armed]" = field(default_factory=OrderedDict)

    async def arm(self, tenant: str, key: str, *, due_ms: int, woken: int) -> None:
        """Make sure that a timer is stored which fires no later than `due_ms`; one in the past fires at once. `woken`
        is the sequence of the newest one that fired. Raises RetryLater when the server does not take it."""
        armed = self._armed.pop((tenant, key), None)
        if armed is None or woken > armed.sequence:
            armed = await self.timers.stored(tenant, key)
        self._armed[tenant, key] = await self.timers.arm(tenant, key, due_ms=due_ms, known=armed)
        if len(self._armed) > KEPT_MAX:
            self._armed.popitem(last=False)


def clock_timers(connection: Connection) -> ClockTimers:
    """The inbox's timers of all keys."""
    return ClockTimers(KeyTimers(connection, TIMER_ID, lambda due_ms: HandoverDue(due_ms=due_ms)))
