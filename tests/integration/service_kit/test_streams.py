"""Streams and consumers come to exist although the server is away for a moment."""

import asyncio
import dataclasses
import sys

import pytest

from contracts.conversations import MessageReceived
from contracts.streams import LOG, STREAMS, TOOL_RUNNER
from service_kit.streams import KV_BUCKETS, OBJECT_BUCKETS, ensure_consumer, ensure_streams
from tests.support.kit import kit, say
from tests.support.programs import run_program
from tests.support.silence import silence
from tests.support.start_servers import NatsServer


async def test_a_consumer_is_created_once_a_silent_server_answers_again(own_nats_server: NatsServer) -> None:
    async with kit(own_nats_server.url) as connection:
        impatient = connection.client.jetstream(timeout=0.2)
        await silence(own_nats_server, connection)
        creating = asyncio.create_task(ensure_consumer(impatient, TOOL_RUNNER, stream=LOG))
        done, _ = await asyncio.wait({creating}, timeout=0.6)
        own_nats_server.resume()
        assert not done, "one unanswered question ended the start of a service"
        await creating
        assert (await connection.jetstream.consumer_info(LOG.name, TOOL_RUNNER.name)).name == TOOL_RUNNER.name


async def test_streams_and_buckets_may_be_asked_for_by_five_processes_at_once_and_again(
    nats_server: NatsServer,
) -> None:
    program = (
        "import asyncio, sys\n"
        "from contracts.streams import LOG, TOOL_RUNNER\n"
        "from service_kit.connection import connected\n"
        "from service_kit.streams import ensure_consumer, ensure_streams\n"
        "async def main():\n"
        "    async with connected(sys.argv[1], service='test') as connection:\n"
        "        await ensure_streams(connection.jetstream)\n"
        "        await ensure_consumer(connection.jetstream, TOOL_RUNNER, stream=LOG)\n"
        "asyncio.run(main())\n"
    )
    ended = await asyncio.gather(*(run_program(sys.executable, "-c", program, nats_server.url) for _ in range(5)))
    assert [one.status for one in ended] == [0] * 5, [one.err for one in ended]
    async with kit(nats_server.url) as connection:
        sequence = await say(connection, "c1", "1")
        await ensure_streams(connection.jetstream)
        names = {stream.config.name for stream in await connection.jetstream.streams_info()}
        buckets = {f"KV_{name}" for name in KV_BUCKETS} | {f"OBJ_{name}" for name in OBJECT_BUCKETS}
        assert names == {spec.name for spec in STREAMS} | buckets
        assert (await connection.jetstream.stream_info(LOG.name)).state.last_seq == sequence


async def test_a_changed_declaration_is_applied_to_what_exists(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kit(nats_server.url) as connection:
        sequence = await say(connection, "c1", "1")
        await ensure_consumer(connection.jetstream, TOOL_RUNNER, stream=LOG)
        changed = [dataclasses.replace(spec, duplicate_window_seconds=60.0) for spec in STREAMS]
        monkeypatch.setattr("service_kit.streams.STREAMS", changed)
        await ensure_streams(connection.jetstream)
        wider = dataclasses.replace(TOOL_RUNNER, ack_pending_max=7, types=(*TOOL_RUNNER.types, MessageReceived))
        await ensure_consumer(connection.jetstream, wider, stream=LOG)
        stream = await connection.jetstream.stream_info(LOG.name)
        consumer = await connection.jetstream.consumer_info(LOG.name, TOOL_RUNNER.name)
        assert (stream.config.duplicate_window, stream.state.last_seq) == (60.0, sequence)
        assert consumer.config.max_ack_pending == 7
        assert sorted(consumer.config.filter_subjects or []) == sorted(wider.filters)
