"""What clients may put into headers must stop neither a consumer nor a log."""

import asyncio

from contracts.conversations import MessageReceived
from contracts.streams import DEAD_LETTERS, ConsumerSpec
from service_kit.bus import Delivery, Order
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.kit import TENANT, consuming, kit, received
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("reader", (MessageReceived,), ack_wait_seconds=2.0)
SUBJECT = f"hil.evt.message.received.v1.{TENANT}.c1"
BODY = received("1").model_dump_json().encode()


async def test_a_dead_letter_is_written_although_the_headers_fill_the_message(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: _never}):
        before = connection.client.stats["reconnects"]
        await connection.jetstream.publish(SUBJECT, b"{", headers={"Padding": "y" * 65_400})
        await wait_until(lambda: _dead_letters(connection))
        assert connection.client.stats["reconnects"] == before, "the server cut the connection"


async def test_a_dead_letter_is_written_although_a_header_name_is_not_a_token(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: _never}):
        head = b"NATS/1.0\r\nodd(name): x\r\n\r\n"
        await connection.client._send_command(
            b"HPUB %s %d %d\r\n%s{\r\n" % (SUBJECT.encode(), len(head), len(head) + 1, head)
        )
        await wait_until(lambda: _dead_letters(connection))


async def test_ids_and_trace_contexts_of_clients_are_bounded(nats_server: NatsServer) -> None:
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        headers = {"ce-id": "i" * 30_000, "traceparent": "00-" + "t" * 30_000 + "-01"}
        ack = await connection.jetstream.publish(SUBJECT, BODY, headers=headers)
        await wait_until(lambda: seen)
        entry = (await Log(connection).read(TENANT, "c1", until=ack.seq))[0]
        assert seen[0].entry.id == entry.id
        assert len(entry.id) < 100
        assert entry.traceparent is None


async def test_a_log_with_status_headers_of_a_client_is_read_to_its_end(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        for number in ("204", "404", "100", "x"):
            ack = await connection.jetstream.publish(SUBJECT, BODY, headers={"Status": number, "Nats-Sequence": "7"})
        entries = await Log(connection).read(TENANT, "c1", until=ack.seq)
        assert len(entries) == 4
        assert entries == await Log(connection).read(TENANT, "c1")


async def test_what_could_not_be_read_does_not_use_up_its_id(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        await connection.jetstream.publish(SUBJECT, b"{", headers={"ce-id": "m1"})
        ack = await connection.jetstream.publish(SUBJECT, BODY, headers={"ce-id": "m1"})
        broken, repaired = await Log(connection).read(TENANT, "c1", until=ack.seq)
        assert (broken.message, repaired.id) == (None, "m1")
        assert broken.id != repaired.id


async def test_what_waits_behind_an_unreadable_message_has_no_proof_of_completeness(nats_server: NatsServer) -> None:
    proofs: list[tuple[int, int]] = []
    go_on = asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        proofs.append((delivery.entry.sequence, delivery.complete_from))
        await go_on.wait()

    async with kit(nats_server.url) as connection:
        async with consuming(connection, SPEC, {MessageReceived: handler}, Order.BY_KEY) as consumer:
            first = (await connection.jetstream.publish(SUBJECT, BODY)).seq
            await wait_until(lambda: proofs)
            broken = (await connection.jetstream.publish(SUBJECT, b"{")).seq
            last = (await connection.jetstream.publish(SUBJECT, BODY)).seq
            await wait_until(lambda: len(consumer._in_hand) == 3)
            go_on.set()
            await wait_until(lambda: len(proofs) == 2)
        assert proofs == [(first, first), (last, broken + 1)]


async def _never(delivery: Delivery) -> None:
    raise AssertionError("this message cannot be read")


async def _dead_letters(connection: Connection) -> int:
    return int((await connection.jetstream.stream_info(DEAD_LETTERS.name)).state.messages)
