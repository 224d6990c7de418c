"""`hil send`, `hil stop` and `hil dlq` on a real server."""

import subprocess

import pytest

from contracts.conversations import MessageReceived
from contracts.executions import StopExecution
from contracts.streams import DEAD_LETTERS, LOG, ConsumerSpec
from service_kit.bus import Delivery
from service_kit.connection import Connection
from service_kit.errors import Unprocessable
from service_kit.log import Log
from tests.integration.hil.test_workflow_command import hil, rows
from tests.support.kit import TENANT, consuming, kit, say
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SPEC = ConsumerSpec("reader", (MessageReceived,))


async def letters_stored(connection: Connection) -> int:
    return int((await connection.jetstream.stream_info(DEAD_LETTERS.name)).state.messages)


async def test_a_message_is_stored_once_however_often_it_is_sent(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        for _ in range(2):
            sent = await hil(nats_server, "send", "hello", "--conversation", "c1", "--turn", "1", "--json")
            assert sent.returncode == 0, sent.stderr
            assert rows(sent)[0]["outcome"] == "sent"
        entries = await Log(connection).read(TENANT, "c1")
        assert [entry.message for entry in entries] == [MessageReceived(turn_id="1", text="hello")]


async def test_waiting_for_nobody_ends_with_status_one(nats_server: NatsServer) -> None:
    async with kit(nats_server.url):
        sent = await hil(nats_server, "send", "hello", "-c", "c1", "-t", "1", "--wait", "0.3")
        assert (sent.returncode, sent.stdout) == (1, "no outcome yet; the message is safe and goes on\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hello", "-c", "a.b", "-t", "1"), "conversation 'a.b' is not 1 to 128 letters"),
        (("hello", "-c", "", "-t", "1"), "conversation '' is not 1 to 128 letters"),
        (("hello", "-c", "c1", "-t", ""), "turn_id: String should have at least 1 character"),
        (("hello", "-c", "c1", "-t", "1", "--tenant", "*"), "tenant '*' is not 1 to 128 letters"),
        (("a" * 70_000, "-c", "c1", "-t", "1"), "text: String should have at most 65536 characters"),
        (("\udcff", "-c", "c1", "-t", "1"), "the text is not UTF-8"),
        (("-c", "c1", "-t", "1"), "give the text"),
    ],
    ids=["key", "no key", "no turn", "tenant", "long", "not UTF-8", "no text"],
)
async def test_bad_input_is_refused_in_one_sentence(
    nats_server: NatsServer, arguments: tuple[str, ...], said: str
) -> None:
    run = await hil(nats_server, "send", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr


async def test_a_text_over_256_kib_is_refused(
    nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("text") / "long.txt"
    file.write_text("a" * 262_145)
    run = await hil(nats_server, "send", "--file", str(file), "-c", "c1", "-t", "1")
    assert run.returncode == 2
    assert "over 262144 bytes (256 KiB)" in run.stderr


async def test_stop_asks_a_known_key_to_stop_and_no_other(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        assert (await hil(nats_server, "stop", "c1")).returncode == 1
        await say(connection, "c1", "1")
        assert (await hil(nats_server, "stop", "c1", "--reason", "a test")).returncode == 0
        entries = await Log(connection).read(TENANT, "c1")
        assert entries[-1].message == StopExecution(reason="a test", asked_by="hil")


async def test_a_dead_letter_is_listed_shown_and_given_back_under_its_own_id(nats_server: NatsServer) -> None:
    seen: list[str] = []
    refusing = [True]

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.entry.id)
        if refusing[0]:
            raise Unprocessable("not today")

    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await say(connection, "c1", "1", "hello")
        await wait_until(lambda: letters_stored(connection))
        [listed] = rows(await hil(nats_server, "dlq", "list", "--json"))
        assert (listed["letter"], listed["service"], listed["reason"]) == (1, "test", "not today")
        [shown] = rows(await hil(nats_server, "dlq", "show", "1", "--json"))
        assert shown["body"] == {"turn_id": "1", "text": "hello"}
        refusing[0] = False
        replayed = await hil(nats_server, "dlq", "replay", "1", "--json")
        assert replayed.returncode == 0, replayed.stderr
        await wait_until(lambda: len(seen) == 2)
        assert seen[0] == seen[1]
        assert await letters_stored(connection) == 0


async def test_a_body_that_is_too_large_to_be_kept_twice_is_read_in_the_log(nats_server: NatsServer) -> None:
    async def handler(delivery: Delivery) -> None:
        raise AssertionError("a body over the limit must not be handed over")

    subject, body = f"hil.evt.message.received.v1.{TENANT}.c1", b"a" * 600_000
    async with kit(nats_server.url) as connection, consuming(connection, SPEC, {MessageReceived: handler}):
        await connection.publish(subject, body, headers={"Nats-Msg-Id": "m1"})
        await wait_until(lambda: letters_stored(connection))
        [shown] = rows(await hil(nats_server, "dlq", "show", "1", "--json"))
        assert shown["body"] == body.decode()
        assert (await hil(nats_server, "dlq", "replay", "--all", "--keep")).returncode == 0
        again = await connection.jetstream.get_msg(LOG.name, seq=2)
        assert (again.subject, again.data, (again.headers or {})["ce-id"]) == (subject, body, "m1")


async def test_a_letter_that_is_not_there_cannot_be_replayed(nats_server: NatsServer) -> None:
    async with kit(nats_server.url):
        run: subprocess.CompletedProcess[str] = await hil(nats_server, "dlq", "replay", "7")
        assert (run.returncode, run.stderr) == (2, "hil: there is no dead letter 7\n")
        assert (await hil(nats_server, "dlq", "replay")).returncode == 2
