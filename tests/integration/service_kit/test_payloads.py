"""Content over the limit of a message: stored by its hash, read back whole, never waited for in vain."""

import asyncio

import pytest

from contracts.catalogue import UnreadableMessage
from contracts.conversations import MessageReceived
from contracts.envelope import Identity
from contracts.streams import ARCHIVE_BUCKET, DEAD_LETTERS, LOG, PAYLOADS_BUCKET, ConsumerSpec
from service_kit.bus import Delivery, Order, publish
from service_kit.connection import Connection
from service_kit.entries import PAYLOAD_HEADER, PAYLOAD_OBJECT_BYTES_MAX, whole_body
from service_kit.errors import RetryLater
from service_kit.log import Log
from service_kit.objects import load_object, store_object
from tests.support.kit import TENANT, consuming, finished, kit, received, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("reader", (MessageReceived,), ack_wait_seconds=2.0)
SUBJECT = f"hil.evt.message.received.v1.{TENANT}.c1"
LARGE = "𝄞" * 65_536  # The longest text that a message may have, at four bytes a character.


async def test_large_content_travels_by_reference_and_counts_in_full(nats_server: NatsServer) -> None:
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        sequence = await publish(connection, received("1", LARGE), Identity(TENANT, "c1", "m1", "m1"))
        await wait_until(lambda: seen)
        stored = await connection.jetstream.get_msg(LOG.name, seq=sequence)
        assert stored.data == b"" or stored.data is None
        entry = (await Log(connection).read(TENANT, "c1", until=sequence))[0]
        for message in (seen[0].message, entry.message):
            assert isinstance(message, MessageReceived)
            assert message.text == LARGE
        assert seen[0].entry.bytes_stored == entry.bytes_stored > 262_144


async def test_a_large_decision_counts_the_same_for_its_writer_and_its_readers(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        message, identity = finished("c1")
        large = message.model_copy(update={"output": LARGE})
        written = await Log(connection).append(large, identity, fence=last)
        read = (await Log(connection).read(TENANT, "c1", until=written.sequence))[-1]
        assert (read.message, read.bytes_stored) == (written.message, written.bytes_stored)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("0" * 64, None, "not in the object store"),
        ("0" * 64, b"other content", "does not match its name"),
        ("0" * 64, b"x" * (PAYLOAD_OBJECT_BYTES_MAX + 1), "larger than it may be"),
        ("../../x", None, "not in the object store"),
    ],
)
async def test_a_reference_that_leads_to_nothing_good_is_a_dead_letter(
    nats_server: NatsServer, name: str, content: bytes | None, reason: str
) -> None:
    async def handler(delivery: Delivery) -> None:
        raise AssertionError("this message cannot be read")

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        if content is not None:
            await store_object(connection.jetstream, PAYLOADS_BUCKET, name, content)
        await connection.jetstream.publish(SUBJECT, b"", headers={PAYLOAD_HEADER: name})

        async def reasons() -> str:
            state = (await connection.jetstream.stream_info(DEAD_LETTERS.name)).state
            if state.messages == 0:
                return ""
            letter = await connection.jetstream.get_msg(DEAD_LETTERS.name, seq=state.last_seq)
            return (letter.headers or {})["Hil-Dead-Reason"]

        await wait_until(reasons)
        assert reason in await reasons()
        with pytest.raises(UnreadableMessage, match="payload"):
            await whole_body(connection.jetstream, b"", {PAYLOAD_HEADER: name})


async def test_an_object_that_is_replaced_all_the_time_is_read_whole_or_not_at_all(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        versions = [bytes([65 + number]) * 400_000 for number in range(8)]
        await store_object(connection.jetstream, ARCHIVE_BUCKET, "a.b", versions[0])

        async def replace() -> None:
            for version in versions:
                await store_object(connection.jetstream, ARCHIVE_BUCKET, "a.b", version)

        async with asyncio.timeout(20):
            replacing = asyncio.create_task(replace())
            while not replacing.done():
                assert await _whole_or_replaced(connection) in {*versions, None}
        assert await _whole_or_replaced(connection) == versions[-1]


async def _whole_or_replaced(connection: Connection) -> bytes | None:
    try:
        return await load_object(connection.jetstream, ARCHIVE_BUCKET, "a.b", bytes_max=1 << 30)
    except RetryLater:
        return None


async def test_a_payload_that_cannot_be_read_now_is_read_later_and_the_next_message_waits_for_it(
    own_nats_server: NatsServer,
) -> None:
    proofs: list[tuple[int, int]] = []
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        assert isinstance(delivery.message, MessageReceived)
        seen.append(delivery.message.turn_id)
        proofs.append((delivery.entry.sequence, delivery.complete_from))

    async with kit(own_nats_server.url) as connection:
        sequence = await publish(connection, received("1", LARGE), Identity(TENANT, "c1", "m1", "m1"))
        async with consuming(connection, SPEC, {MessageReceived: handler}, Order.BY_KEY):
            own_nats_server.kill()
            own_nats_server.restart()
            await say(connection, "c1", "2")
            await wait_until(lambda: {"1", "2"} <= set(seen), timeout_seconds=20)
        assert all(complete >= sequence for _, complete in proofs)
