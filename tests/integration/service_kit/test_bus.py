"""The bus on a real server: acknowledgements, delays, dead letters, order, bounds and traces."""

import asyncio
import dataclasses
from collections import defaultdict
from datetime import timedelta

import pytest

from contracts.conversations import MessageReceived
from contracts.streams import DEAD_LETTERS, LOG, ConsumerSpec
from service_kit.answers import next_delay
from service_kit.bus import Consumer, Delivery, Order
from service_kit.connection import Connection
from service_kit.errors import RetryLater, Unprocessable
from tests.support.handovers import opened, put
from tests.support.kit import TENANT, consuming, kit, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("reader", (MessageReceived,), ack_wait_seconds=2.0)
SUBJECT = f"hil.evt.message.received.v1.{TENANT}.c1"


async def dead_letters(connection: Connection) -> list[dict[str, str]]:
    state = (await connection.jetstream.stream_info(DEAD_LETTERS.name)).state
    found = [await connection.jetstream.get_msg(DEAD_LETTERS.name, seq=n + 1) for n in range(state.messages)]
    return [dict(msg.headers or {}) for msg in found]


async def pending(connection: Connection) -> int:
    info = await connection.jetstream.consumer_info(LOG.name, SPEC.name)
    return (info.num_ack_pending or 0) + (info.num_pending or 0)


async def test_a_handled_message_is_acknowledged(nats_server: NatsServer) -> None:
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        assert isinstance(delivery.message, MessageReceived)
        seen.append(delivery.message.turn_id)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        for turn in range(100):
            await say(connection, f"c{turn % 7}", str(turn))

        async def settled() -> bool:
            return len(seen) == 100 and await pending(connection) == 0

        await wait_until(settled)


async def test_who_reads_all_handles_its_own_types_passes_over_others_and_buries_unknown_versions(
    nats_server: NatsServer,
) -> None:
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.subject.type)

    reader = dataclasses.replace(SPEC, reads_all=True)
    async with kit(nats_server.url) as connection, consuming(connection, reader, {MessageReceived: handler}):
        await say(connection, "c1", "1")
        await put(connection, opened("h1"), "c1")
        await connection.publish_surely(SUBJECT.replace(".v1.", ".v9."), b"{}", headers={})
        await say(connection, "c1", "2")

        async def settled() -> bool:
            return len(seen) == 2 and await pending(connection) == 0

        await wait_until(settled)
        assert [letter["Hil-Dead-Sequence"] for letter in await dead_letters(connection)] == ["3"]


async def test_outside_trouble_is_delivered_again_after_its_delay(nats_server: NatsServer) -> None:
    attempts: list[int] = []

    async def handler(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if delivery.attempt < 3:
            raise RetryLater("store is away", after=timedelta(milliseconds=50))

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await say(connection, "c1", "1")
        await wait_until(lambda: attempts == [1, 2, 3])


async def test_a_message_that_can_never_work_is_a_dead_letter_at_once(nats_server: NatsServer) -> None:
    async def handler(delivery: Delivery) -> None:
        raise Unprocessable("turn 1 is forbidden: limit 0")

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        sequence = await say(connection, "c1", "1")

        async def buried() -> bool:
            letters = await dead_letters(connection)
            return bool(letters) and letters[0]["Hil-Dead-Reason"] == "turn 1 is forbidden: limit 0"

        await wait_until(buried)
        assert (await dead_letters(connection))[0]["Hil-Dead-Sequence"] == str(sequence)
        assert await pending(connection) == 0


@pytest.mark.parametrize(
    ("subject", "body", "reason"),
    [
        (SUBJECT, b"{not json", "Invalid JSON"),
        (SUBJECT, b'{"turn_id": "1"}', "text: Field required"),
        (SUBJECT, b"\xff\xfe", "Invalid JSON"),
        (SUBJECT.replace(".v1.", ".v9."), b"{}", "known versions: hil.evt.message.received.v1"),
        (SUBJECT, b'{"turn_id":"1","text":"' + b"x" * 300_000 + b'"}', "over the limit of 262144"),
    ],
)
async def test_unreadable_input_is_a_dead_letter_and_the_consumer_goes_on(
    nats_server: NatsServer, subject: str, body: bytes, reason: str
) -> None:
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.subject.key)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await connection.jetstream.publish(subject, body)
        await say(connection, "c2", "1")
        await wait_until(lambda: seen == ["c2"])

        async def buried() -> bool:
            letters = await dead_letters(connection)
            return bool(letters) and reason in letters[0]["Hil-Dead-Reason"]

        await wait_until(buried)


async def test_our_own_bug_is_tried_again_and_then_kept(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_kit.answers.RETRY_SECONDS", (0.02,))
    tries: list[int] = []

    async def handler(delivery: Delivery) -> None:
        tries.append(delivery.attempt)
        raise KeyError("a bug")

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await say(connection, "c1", "1")

        async def buried() -> bool:
            return bool(await dead_letters(connection))

        await wait_until(buried)
        assert tries == [1, 2, 3, 4, 5]


async def test_one_key_is_handled_in_order_while_others_run_beside_it(nats_server: NatsServer) -> None:
    order: dict[str, list[int]] = defaultdict(list)
    running: set[str] = set()
    together: set[str] = set()

    async def handler(delivery: Delivery) -> None:
        key = delivery.subject.key
        assert key not in running
        running.add(key)
        if len(running) > 1:
            together.add("yes")
        await asyncio.sleep(0.002)
        order[key].append(delivery.entry.sequence)
        running.discard(key)

    async with kit(nats_server.url) as connection:
        for turn in range(60):
            await say(connection, f"c{turn % 3}", str(turn))
        async with consuming(connection, SPEC, {MessageReceived: handler}, Order.BY_KEY):
            await wait_until(lambda: sum(map(len, order.values())) == 60)
        assert all(sequences == sorted(sequences) for sequences in order.values())
        assert together == {"yes"}


async def test_no_more_is_in_hand_than_the_concurrency_allows(nats_server: NatsServer) -> None:
    running, most, done = 0, 0, 0

    async def handler(delivery: Delivery) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        done += 1

    async with kit(nats_server.url) as connection:
        for turn in range(80):
            await say(connection, f"c{turn}", str(turn))
        async with consuming(connection, SPEC, {MessageReceived: handler}) as consumer:
            consumer.concurrency = 4
            await wait_until(lambda: done == 80)
    assert most <= 64


async def test_long_work_is_not_delivered_twice(nats_server: NatsServer) -> None:
    attempts: list[int] = []

    async def handler(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        await asyncio.sleep(2.5)

    spec = dataclasses.replace(SPEC, ack_wait_seconds=1.0)
    async with kit(nats_server.url) as connection, consuming(connection, spec, {MessageReceived: handler}):
        await say(connection, "c1", "1")

        async def settled() -> bool:
            return await pending(connection) == 0

        await wait_until(settled)
    assert attempts == [1]


async def test_a_server_that_was_killed_is_consumed_from_again(own_nats_server: NatsServer) -> None:
    seen: set[str] = set()

    async def handler(delivery: Delivery) -> None:
        seen.add(delivery.subject.key)

    async with kit(own_nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await say(connection, "c1", "1")
        await wait_until(lambda: "c1" in seen)
        own_nats_server.kill()
        own_nats_server.restart()
        await say(connection, "c2", "1")
        await wait_until(lambda: "c2" in seen, timeout_seconds=15)


async def test_completeness_is_proved_from_the_first_message_and_lost_when_another_pulls(
    nats_server: NatsServer,
) -> None:
    proofs: list[tuple[int, int]] = []

    async def handler(delivery: Delivery) -> None:
        proofs.append((delivery.entry.sequence, delivery.complete_from))

    async with kit(nats_server.url) as connection:
        async with consuming(connection, SPEC, {MessageReceived: handler}, Order.BY_KEY):
            first = await say(connection, "c1", "1")
            await say(connection, "c1", "2")
            await wait_until(lambda: len(proofs) == 2)
            assert [proof for _, proof in proofs] == [first, first]
        subscription = await connection.jetstream.pull_subscribe_bind(consumer=SPEC.name, stream=LOG.name)
        await say(connection, "c1", "3")
        await (await subscription.fetch(1, timeout=5))[0].ack()
        await subscription.unsubscribe()
        proofs.clear()
        consumer = Consumer(connection, SPEC, {MessageReceived: handler}, order=Order.BY_KEY)
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        fourth = await say(connection, "c1", "4")
        await wait_until(lambda: proofs == [(fourth, fourth)])
        stop.set()
        await running


def test_waits_grow_and_stay_bounded() -> None:
    assert [next_delay(attempt).total_seconds() for attempt in (1, 2, 3, 4, 9)] == [1, 5, 30, 120, 120]
