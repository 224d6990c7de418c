"""The log on a real server: what is appended, what the server refuses, what a reader sees."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from contracts.envelope import LogEntry
from contracts.streams import LOG
from contracts.subjects import fence_of
from service_kit.log import FenceRefused, Log
from tests.support.kit import TENANT, finished, kit, say
from tests.support.start_servers import NatsServer


async def test_entries_come_back_in_order_and_complete_through_the_wanted_sequence(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        sequences = [await say(connection, "c1", str(turn)) for turn in range(450)]
        entries = await Log(connection).read(TENANT, "c1", until=sequences[-1])
        assert [entry.sequence for entry in entries] == sequences


async def test_a_read_stops_at_the_wanted_sequence(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        sequences = [await say(connection, "c1", str(turn)) for turn in range(3)]
        entries = await Log(connection).read(TENANT, "c1", after=sequences[0], until=sequences[1])
        assert [entry.sequence for entry in entries] == [sequences[1]]


@pytest.mark.parametrize("steps", [0, 1, 8])
async def test_however_it_is_read_each_part_of_a_log_is_the_same(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Fenced and unfenced messages in any order, among those of other keys; near and far, cold and warm."""
    monkeypatch.setattr("service_kit.log.NEAR", -1)
    monkeypatch.setattr("service_kit.log.STEPS_BACK_MAX", steps)
    async with kit(nats_server.url) as connection:
        log, sequences = Log(connection), [0]
        for number, is_fenced in enumerate((False, True, True, False, False, True, True, True)):
            await say(connection, f"other{number}", "1")
            if is_fenced:
                message, identity = finished("c1")
                mine = replace(identity, id=f"fact{number}")
                sequences.append((await log.append(message, mine, fence=sequences[-1])).sequence)
            else:
                sequences.append(await say(connection, "c1", str(number)))
        for start, end in itertools.combinations(range(len(sequences)), 2):
            found = await log.read(TENANT, "c1", after=sequences[start], until=sequences[end])
            assert [entry.sequence for entry in found] == sequences[start + 1 : end + 1]


async def test_a_log_whose_beginning_was_purged_is_read_as_far_as_it_goes(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_kit.log.NEAR", -1)
    async with kit(nats_server.url) as connection:
        first = await say(connection, "c1", "1")
        log, (message, identity) = Log(connection), finished("c1")
        last = (await log.append(message, identity, fence=first)).sequence
        await connection.jetstream.purge_stream(LOG.name, subject=fence_of(TENANT, "c1"), seq=last)
        assert [entry.sequence for entry in await log.read(TENANT, "c1", until=last)] == [last]


async def test_tenants_with_the_same_key_have_two_logs(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        await say(connection, "c1", "1", tenant="acme")
        other = await say(connection, "c1", "1", tenant="zenith")
        entries = await Log(connection).read("zenith", "c1", until=other)
        assert [entry.sequence for entry in entries] == [other]


async def test_an_append_on_the_last_sequence_is_stored(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        assert (await Log(connection).append(*finished("c1"), fence=last)).sequence == last + 1


async def test_an_append_on_a_stale_fence_is_refused_with_the_newest_sequence(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        first = await say(connection, "c1", "1")
        second = await say(connection, "c1", "2")
        with pytest.raises(FenceRefused) as refused:
            await Log(connection).append(*finished("c1"), fence=first)
        assert refused.value.last_sequence == second


async def test_messages_of_other_keys_do_not_move_the_fence(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        await say(connection, "c2", "1")
        assert (await Log(connection).append(*finished("c1"), fence=last)).sequence > last


async def test_of_many_writers_on_one_fence_exactly_one_wins(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        log = Log(connection)
        tries = [log.append(*finished("c1", name=str(number)), fence=last) for number in range(50)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert len([result for result in results if isinstance(result, LogEntry)]) == 1
        assert len([result for result in results if isinstance(result, FenceRefused)]) == 49


async def test_fenced_decisions_carry_no_deduplication_id(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        sequence = (await Log(connection).append(*finished("c1"), fence=last)).sequence
        stored = await connection.jetstream.get_msg(LOG.name, seq=sequence)
        assert stored.headers is not None
        assert "Nats-Msg-Id" not in stored.headers
        assert stored.headers["ce-type"] == "hil.evt.execution.finished.v1"


async def test_an_append_whose_acknowledgement_was_lost_finds_itself_in_the_tail(own_nats_server: NatsServer) -> None:
    async with kit(own_nats_server.url) as connection:
        last = await say(connection, "c1", "1")
        log = Log(connection)
        message, identity = finished("c1")
        stored = await log.append(message, identity, fence=last)
        own_nats_server.pause()
        later = message.model_copy(update={"finished_ms": 2})  # As another orchestrator decides it a little later.
        again = asyncio.create_task(log.append(later, identity, fence=last))
        await asyncio.sleep(3.2)  # Longer than the acknowledgement timeout, so that the first try counts as unknown.
        own_nats_server.resume()
        found = await again
        assert (found.sequence, found.message) == (stored.sequence, stored.message), "what counts is what is stored"


async def test_an_unreadable_message_is_an_entry_without_message(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        ack = await connection.jetstream.publish(f"hil.evt.message.received.v1.{TENANT}.c1", b"{not json")
        entries = await Log(connection).read(TENANT, "c1", until=ack.seq)
        assert [entry.message for entry in entries] == [None]
