"""The timer of a key on a real server: what one service remembers of it never leaves the key without one."""

from dataclasses import dataclass, field

import pytest

from contracts.handover_clocks import HandoverDue
from contracts.streams import ConsumerSpec
from contracts.subjects import timer_subject
from hil_inbox.adapters.clock_timer import TIMER_ID, ClockTimers, clock_timers
from service_kit.bus import Delivery
from service_kit.connection import Connection
from service_kit.key_timers import Armed, KeyTimers, fire_now
from tests.support.kit import TENANT, consuming, kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

NOW_MS = 4_000_000_000_000
SOON, LATE = NOW_MS + 3_600_000, NOW_MS + 7_200_000


@dataclass(frozen=True, slots=True)
class CountedTimers(KeyTimers):
    """Notes each look at what is stored."""

    looks: list[str] = field(default_factory=list)

    async def stored(self, tenant: str, key: str) -> Armed:
        self.looks.append(key)
        return await KeyTimers.stored(self, tenant, key)


def counted(connection: Connection) -> CountedTimers:
    return CountedTimers(connection, TIMER_ID, lambda due_ms: HandoverDue(due_ms=due_ms))


async def test_a_timer_that_was_stored_is_not_looked_for_again(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        timers = counted(connection)
        clock = ClockTimers(timers)
        for due_ms in (LATE, LATE, SOON, LATE):
            await clock.arm(TENANT, "c1", due_ms=due_ms, woken=0)
        assert timers.looks == ["c1"]
        assert (await timers.stored(TENANT, "c1")).due_ms == SOON


async def test_an_earlier_timer_of_another_service_is_never_put_off(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        one, two = clock_timers(connection), clock_timers(connection)
        await one.arm(TENANT, "c1", due_ms=LATE, woken=0)
        await two.arm(TENANT, "c1", due_ms=SOON, woken=0)
        await one.arm(TENANT, "c1", due_ms=LATE - 1, woken=0)
        assert (await one.timers.stored(TENANT, "c1")).due_ms == SOON


@pytest.mark.parametrize("others_due_ms", [None, LATE + 1], ids=["no_other", "a_later_one"])
async def test_after_a_timer_fired_nothing_is_believed_of_it(
    nats_server: NatsServer, others_due_ms: int | None
) -> None:
    fired: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        fired.append(delivery)

    spec = ConsumerSpec("fired", (HandoverDue,))
    async with kit(nats_server.url) as connection, consuming(connection, spec, {HandoverDue: handler}):
        one, two = clock_timers(connection), clock_timers(connection)
        await one.arm(TENANT, "c1", due_ms=SOON, woken=0)
        await fire_now(connection, timer_subject(TIMER_ID, TENANT, "c1"))
        await wait_until(lambda: fired)
        woken = fired[0].entry.sequence
        if others_due_ms is not None:
            await two.arm(TENANT, "c1", due_ms=others_due_ms, woken=woken)
        await one.arm(TENANT, "c1", due_ms=LATE, woken=woken)
        assert (await one.timers.stored(TENANT, "c1")).due_ms == LATE
