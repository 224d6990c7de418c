"""Batches on a real server: acknowledgements, delays, dead letters, bounds, and one bad message among good ones."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from contracts.conversations import MessageReceived
from contracts.streams import LOG, ConsumerSpec
from service_kit.batches import BatchConsumer, BatchHandler, one_by_one
from service_kit.bus import Delivery, read_delivery
from service_kit.connection import Connection
from service_kit.errors import RetryLater, Unprocessable
from service_kit.pull import Arrival
from service_kit.streams import ensure_consumer
from service_kit.telemetry import current_traceparent
from tests.integration.service_kit.test_bus import SPEC, SUBJECT, dead_letters, pending
from tests.support.handovers import opened, put
from tests.support.kit import kit, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

ALL = dataclasses.replace(SPEC, reads_all=True)


@asynccontextmanager
async def in_batches(
    connection: Connection, handle: BatchHandler, spec: ConsumerSpec = SPEC, **options: int
) -> AsyncIterator[BatchConsumer]:
    await ensure_consumer(connection.jetstream, spec, stream=LOG)
    consumer = BatchConsumer(connection, spec, {MessageReceived: handle}, **options)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await running


async def nothing_pending(connection: Connection) -> bool:
    return await pending(connection) == 0


async def test_what_waits_comes_together_in_order_and_each_is_acknowledged(nats_server: NatsServer) -> None:
    batches: list[list[int]] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        batches.append([one.entry.sequence for one in deliveries])

    async with kit(nats_server.url) as connection:
        for turn in range(300):
            await say(connection, f"c{turn % 7}", str(turn))
        async with in_batches(connection, handle, batch_max=100):
            await wait_until(lambda: sum(map(len, batches)) == 300)
            await wait_until(lambda: nothing_pending(connection))
    assert [sequence for batch in batches for sequence in batch] == list(range(1, 301))
    assert max(map(len, batches)) <= 100
    assert len(batches) < 60
    handled = {"service": "test", "type": "hil.evt.message.received.v1", "outcome": "ok"}
    assert (REGISTRY.get_sample_value("hil_messages_total", handled) or 0) >= 300


async def test_types_of_others_are_passed_over_and_unknown_versions_and_unreadable_ones_are_dead_letters(
    nats_server: NatsServer,
) -> None:
    seen: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        seen.extend(one.entry.sequence for one in deliveries)

    async with kit(nats_server.url) as connection, in_batches(connection, handle, ALL):
        await say(connection, "c1", "1")
        await put(connection, opened("h1"), "c1")
        await connection.publish_surely(SUBJECT.replace(".v1.", ".v9."), b"{}", headers={})
        await connection.publish_surely(SUBJECT, b"{not json", headers={})
        await say(connection, "c1", "2")
        await wait_until(lambda: seen == [1, 5])
        await wait_until(lambda: nothing_pending(connection))
        assert [letter["Hil-Dead-Sequence"] for letter in await dead_letters(connection)] == ["3", "4"]


async def test_each_handler_gets_its_own_types_and_one_of_single_messages_gets_them_in_order(
    nats_server: NatsServer,
) -> None:
    batches: list[list[int]] = []
    single: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        batches.append([one.entry.sequence for one in deliveries])

    async def handle_one(delivery: Delivery) -> None:
        single.append(delivery.entry.sequence)

    opening = type(opened("h1"))
    spec = dataclasses.replace(SPEC, types=(MessageReceived, opening))
    async with kit(nats_server.url) as connection:
        await say(connection, "c1", "1")
        for number in range(2):
            await put(connection, opened(f"h{number}"), "c1", name=str(number))
        await say(connection, "c1", "2")
        await ensure_consumer(connection.jetstream, spec, stream=LOG)
        consumer = BatchConsumer(connection, spec, {MessageReceived: handle, opening: one_by_one(handle_one)})
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        await wait_until(lambda: nothing_pending(connection))
        stop.set()
        await running
    assert sorted(sequence for batch in batches for sequence in batch) == [1, 4]
    assert single == [2, 3]


async def test_a_type_without_a_handler_is_a_dead_letter(nats_server: NatsServer) -> None:
    spec = dataclasses.replace(SPEC, types=(MessageReceived, type(opened("h1"))))

    async with kit(nats_server.url) as connection, in_batches(connection, nobody, spec):
        await put(connection, opened("h1"), "c1")
        await wait_until(lambda: nothing_pending(connection))
        [letter] = await dead_letters(connection)
        assert letter["Hil-Dead-Reason"] == "reader has no handler for hil.cmd.handover.open.v1"


async def nobody(_: Sequence[Delivery]) -> None:
    raise AssertionError("nothing reaches the handler")


async def test_outside_trouble_brings_the_whole_batch_again_after_its_delay(nats_server: NatsServer) -> None:
    attempts = Counter[tuple[str, int]]()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        attempts.update((one.subject.key, one.attempt) for one in deliveries)
        if any(one.attempt < 3 for one in deliveries):
            raise RetryLater("store is away", after=timedelta(milliseconds=50))

    async with kit(nats_server.url) as connection:
        for key in ("c1", "c2"):
            await say(connection, key, "1")
        async with in_batches(connection, handle):
            await wait_until(lambda: nothing_pending(connection))
    assert attempts[("c1", 3)] >= 1 and attempts[("c2", 3)] >= 1
    assert attempts[("c1", 1)] == attempts[("c2", 1)] == 1


@pytest.mark.parametrize(("error", "tries"), [(KeyError("a bug"), 5), (Unprocessable("turn 1 is forbidden"), 1)])
async def test_one_bad_message_is_kept_and_takes_no_other_with_it(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    monkeypatch.setattr("service_kit.answers.RETRY_SECONDS", (0.02,))
    good: list[str] = []
    alone: list[int] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        if any(one.subject.key == "bad" for one in deliveries):
            if len(deliveries) == 1:
                alone.append(deliveries[0].attempt)
            raise error
        good.extend(one.subject.key for one in deliveries)

    async with kit(nats_server.url) as connection:
        for key in ("a", "bad", "b"):
            await say(connection, key, "1")
        async with in_batches(connection, handle):
            await wait_until(lambda: nothing_pending(connection))
            [letter] = await dead_letters(connection)
    assert (sorted(good), alone) == (["a", "b"], list(range(1, tries + 1)))
    assert letter["Hil-Dead-Sequence"] == "2"


async def test_one_that_breaks_our_reading_is_kept_and_the_others_are_handled(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_kit.answers.RETRY_SECONDS", (0.02,))
    good: list[str] = []

    async def read(connection: Connection, arrival: Arrival) -> Delivery:
        if arrival.lane.endswith(".bad"):
            raise RecursionError("too deep")
        return await read_delivery(connection, arrival)

    async def handle(deliveries: Sequence[Delivery]) -> None:
        good.extend(one.subject.key for one in deliveries)

    monkeypatch.setattr("service_kit.batches.read_delivery", read)
    async with kit(nats_server.url) as connection:
        for key in ("a", "bad", "b"):
            await say(connection, key, "1")
        async with in_batches(connection, handle):
            await wait_until(lambda: nothing_pending(connection))
            [letter] = await dead_letters(connection)
    assert (good, letter["Hil-Dead-Sequence"]) == (["a", "b"], "2")


async def test_a_message_is_given_up_after_its_last_delivery(nats_server: NatsServer) -> None:
    async def handle(_: Sequence[Delivery]) -> None:
        raise RetryLater("store is away", after=timedelta(milliseconds=10))

    async with kit(nats_server.url) as connection, in_batches(connection, handle, deliveries_max=2):
        await say(connection, "c1", "1")
        await wait_until(lambda: nothing_pending(connection))
        assert (await dead_letters(connection))[0]["Hil-Dead-Reason"] == "given up after 2 deliveries"


async def test_long_work_is_not_delivered_twice_and_what_is_in_hand_at_the_end_is_finished(
    nats_server: NatsServer,
) -> None:
    attempts: list[int] = []
    begun = asyncio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        begun.set()
        await asyncio.sleep(SPEC.ack_wait_seconds * 1.5)
        attempts.extend(one.attempt for one in deliveries)

    async with kit(nats_server.url) as connection:
        async with in_batches(connection, handle):
            await say(connection, "c1", "1")
            await begun.wait()
            await say(connection, "c2", "1")
            await wait_until(lambda: attempts == [1])
        assert attempts == [1, 1]
        assert await nothing_pending(connection)


async def test_a_sampled_message_is_handled_inside_its_trace(nats_server: NatsServer) -> None:
    traces: list[str | None] = []

    async def handle(_: Sequence[Delivery]) -> None:
        traces.append(current_traceparent())

    sampled = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    async with kit(nats_server.url) as connection, in_batches(connection, handle):
        await connection.publish_surely(SUBJECT, b'{"turn_id":"1","text":"x"}', headers={"traceparent": sampled})
        await wait_until(lambda: len(traces) == 1)
        await connection.publish_surely(
            SUBJECT, b'{"turn_id":"2","text":"x"}', headers={"traceparent": sampled[:-1] + "0"}
        )
        await wait_until(lambda: len(traces) == 2)
    assert (traces[0] or "").startswith(sampled[:35])
    assert traces[1] is None
