"""The one timer of a key on a real server: never put off by a writer who knows less, fired, replaced, purged."""

import asyncio
import time

from contracts.envelope import BasedOn, Identity
from contracts.executions import ExecutionFinished, StartExecution, TimerFired
from contracts.handover_clocks import HandoverDue
from contracts.streams import LOG, ConsumerSpec
from contracts.subjects import timer_subject
from orchestrator.adapters.overdue import OverdueTimers
from orchestrator.adapters.timers import wake_subject, wake_timers
from orchestrator.handlers.sweep import sweep
from service_kit.bus import Delivery, publish
from service_kit.connection import Connection
from service_kit.key_timers import NOTHING, Armed, KeyTimers, fire_now
from service_kit.log import Log
from service_kit.telemetry import handling, root_traceparent
from tests.support.kit import TENANT, consuming, kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("timers", (TimerFired,))


def in_ms(milliseconds: int) -> int:
    return time.time_ns() // 1_000_000 + milliseconds


async def test_a_timer_fires_into_the_log_of_its_key(nats_server: NatsServer) -> None:
    fired: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        fired.append(delivery)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {TimerFired: handler}):
        due = in_ms(300)
        await wake_timers(connection).arm(TENANT, "c1", due_ms=due, known=NOTHING)
        await wait_until(lambda: fired)
        assert (fired[0].subject.tenant, fired[0].subject.key) == (TENANT, "c1")
        assert fired[0].entry.timestamp_ms >= due


async def test_a_later_time_never_replaces_an_earlier_one_whatever_the_writer_believes(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        timers, soon, late = wake_timers(connection), in_ms(60_000), in_ms(120_000)
        stored = await timers.arm(TENANT, "c1", due_ms=soon, known=NOTHING)
        for belief in (NOTHING, Armed(None, 0), Armed(late, 999), stored):
            assert (await timers.arm(TENANT, "c1", due_ms=late, known=belief)).due_ms in (soon, late)
            assert (await timers.stored(TENANT, "c1")).due_ms == soon


async def test_an_earlier_time_replaces_a_later_one(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        timers, soon, late = wake_timers(connection), in_ms(60_000), in_ms(120_000)
        await timers.arm(TENANT, "c1", due_ms=late, known=NOTHING)
        armed = await timers.arm(TENANT, "c1", due_ms=soon, known=NOTHING)
        assert armed == await timers.stored(TENANT, "c1")
        assert armed.due_ms == soon


async def test_the_last_decision_of_an_execution_takes_its_timer_away_in_the_same_write(
    nats_server: NatsServer,
) -> None:
    async with kit(nats_server.url) as connection:
        start = await publish(connection, StartExecution(workflow="w"), Identity(TENANT, "e1", "s", "s"))
        await wake_timers(connection).arm(TENANT, "e1", due_ms=in_ms(60_000), known=NOTHING)
        message = ExecutionFinished(
            sink="FINISH",
            success=True,
            mode="standalone",
            workflow="w",
            version="1",
            started_ms=0,
            finished_ms=1,
            based_on=BasedOn(now_ms=1, fence=start),
        )
        timer = wake_subject(TENANT, "e1")
        await Log(connection).append(message, Identity(TENANT, "e1", "f", "s"), fence=start, cancels_timer=timer)
        assert await wake_timers(connection).stored(TENANT, "e1") == NOTHING


async def test_timers_do_not_move_the_fence(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        start = await publish(connection, StartExecution(workflow="w"), Identity(TENANT, "e1", "s", "s"))
        await wake_timers(connection).arm(TENANT, "e1", due_ms=in_ms(60_000), known=NOTHING)
        entries = await Log(connection).read(TENANT, "e1")
        assert [entry.sequence for entry in entries] == [start]


async def test_timers_survive_a_killed_server(own_nats_server: NatsServer) -> None:
    fired: list[str] = []

    async def handler(delivery: Delivery) -> None:
        fired.append(delivery.subject.key)

    async with kit(own_nats_server.url) as connection, consuming(connection, SPEC, {TimerFired: handler}):
        for number in range(20):
            await wake_timers(connection).arm(TENANT, f"c{number}", due_ms=in_ms(800 + number * 50), known=NOTHING)
        own_nats_server.kill()
        own_nats_server.restart()
        await wait_until(lambda: len(set(fired)) == 20, timeout_seconds=20)


async def test_overdue_timers_are_found_and_others_are_not(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        timers = wake_timers(connection)
        await timers.arm(TENANT, "later", due_ms=in_ms(600_000), known=NOTHING)
        await timers.arm(TENANT, "sooner", due_ms=in_ms(60_000), known=NOTHING)
        await inbox_timers(connection).arm(TENANT, "later", due_ms=in_ms(60_000), known=NOTHING)
        overdue = OverdueTimers(connection)
        assert await overdue.next_batch(now_ms=in_ms(0), late_ms=1_000) == []
        # As if the clock were five minutes on and the firing had been lost.
        late = await overdue.next_batch(now_ms=in_ms(300_000), late_ms=1_000)
        assert late == [timer_subject("wake", TENANT, "sooner"), timer_subject("inbox", TENANT, "later")]
        assert (await connection.jetstream.stream_info(LOG.name)).state.messages == 3


def inbox_timers(connection: Connection) -> KeyTimers:
    """Those of another service: what they publish is that service's business."""
    return KeyTimers(connection, "inbox", lambda due_ms: HandoverDue(due_ms=due_ms))


async def test_a_late_timer_of_any_service_publishes_what_it_was_stored_with_and_no_other_timer_of_its_key_fires(
    nats_server: NatsServer,
) -> None:
    fired: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        fired.append(delivery)

    spec, routes = ConsumerSpec("timers", (TimerFired, HandoverDue)), {TimerFired: handler, HandoverDue: handler}
    async with kit(nats_server.url) as connection, consuming(connection, spec, routes):
        due, far = in_ms(60_000), in_ms(600_000)
        await inbox_timers(connection).arm(TENANT, "c1", due_ms=due, known=NOTHING)
        await wake_timers(connection).arm(TENANT, "c1", due_ms=far, known=NOTHING)
        stop = asyncio.Event()
        sweeping = asyncio.create_task(
            sweep(OverdueTimers(connection), now_ms=lambda: due + 1_000, every_seconds=0.1, stop=stop)
        )
        await wait_until(lambda: fired)
        stop.set()
        await sweeping
        assert [delivery.entry.message for delivery in fired] == [HandoverDue(due_ms=due)]
        assert await inbox_timers(connection).stored(TENANT, "c1") == NOTHING
        assert (await wake_timers(connection).stored(TENANT, "c1")).due_ms == far


async def test_a_timer_that_fired_or_was_never_there_is_not_made_to_fire(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        await fire_now(connection, wake_subject(TENANT, "c1"))
        assert (await connection.jetstream.stream_info(LOG.name)).state.messages == 0


async def test_what_a_timer_leads_to_belongs_to_the_trace_of_who_set_it(nats_server: NatsServer) -> None:
    fired: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        fired.append(delivery)

    traceparent = root_traceparent("a turn", ratio=0.0)
    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {TimerFired: handler}):
        with handling("a turn", traceparent, {}):
            await wake_timers(connection).arm(TENANT, "c1", due_ms=in_ms(100), known=NOTHING)
        await wait_until(lambda: fired)
    assert fired[0].entry.traceparent == traceparent
