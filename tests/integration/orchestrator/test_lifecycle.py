"""What becomes of a key in the long run: closed, archived, reopened; driven again; stopped; large content."""

import asyncio
import time

import pytest

from contracts.completions import CompletionFailed, RequestCompletion
from contracts.conversations import CloseConversation, ConversationClosed, MessageReceived
from contracts.envelope import Identity, derive_message_id
from contracts.executions import ExecutionFinished, PatternDetected, StopExecution
from contracts.streams import DEAD_LETTERS, LOG, ORCHESTRATOR
from contracts.subjects import fence_of
from orchestrator.adapters.overdue import OverdueTimers
from orchestrator.domain.replay import replay
from orchestrator.handlers.sweep import sweep
from service_kit.archive import Archive
from service_kit.bus import publish
from service_kit.log import Log
from tests.support.orchestrating import ECHO, TENANT, System, core
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


async def stored(system: System, key: str) -> int:
    info = await system.connection.jetstream.stream_info(LOG.name, subjects_filter=fence_of(TENANT, key))
    return sum((info.state.subjects or {}).values())


async def test_a_closed_log_is_archived_replayed_from_the_archive_and_reopened_by_a_message(
    nats_server: NatsServer,
) -> None:
    async with core(nats_server.url, orchestrators=0) as system:
        await system.start_orchestrator(archive_after_seconds=0.2)
        for turn in ("1", "2"):
            await system.say("c1", turn, f"question {turn}")
            await system.until_finished("c1", int(turn))
        closing = Identity(TENANT, "c1", "close", "close")
        await publish(system.connection, CloseConversation(), closing)

        async def archived() -> bool:
            return await stored(system, "c1") == 1

        await wait_until(archived, timeout_seconds=15)
        entries = await Archive(system.connection).load(TENANT, "c1")
        assert len(entries) == 12  # Two turns of five messages, the wish to close, and the closing.
        replayed = replay(TENANT, "c1", entries, system.workflows)
        assert (replayed.decisions, replayed.differences) == (7, ())

        await system.say("c1", "1", "question 1", again="long after")  # An old turn is still known.
        await system.say("c1", "3", "question 3")

        async def answered() -> bool:
            return "you said: question 3" in [reply.text for reply in await system.replies("c1")]

        await wait_until(answered)
        assert [reply.turn_id for reply in await system.replies("c1")] == ["3"]


async def test_a_log_that_was_stored_by_an_archiver_that_died_then_is_purged_by_the_next_one(
    nats_server: NatsServer,
) -> None:
    async with core(nats_server.url, orchestrators=0) as system:
        await system.start_orchestrator(archive_after_seconds=3)
        await system.say("c1", "1", "question 1")
        await system.until_finished("c1", 1)
        await publish(system.connection, CloseConversation(), Identity(TENANT, "c1", "close", "close"))

        async def closed() -> bool:
            return isinstance((await Log(system.connection).read(TENANT, "c1"))[-1].message, ConversationClosed)

        await wait_until(closed, timeout_seconds=15)
        entries = await Log(system.connection).read(TENANT, "c1")
        await Archive(system.connection).store(TENANT, "c1", entries)
        assert await stored(system, "c1") == len(entries)

        async def purged() -> bool:
            return await stored(system, "c1") == 1

        await wait_until(purged, timeout_seconds=20)
        assert await Archive(system.connection).load(TENANT, "c1") == entries


async def test_an_idle_conversation_closes_and_a_message_opens_it_again(nats_server: NatsServer) -> None:
    flow = ECHO.replace("turns_queued: 1000", "turns_queued: 1000, idle_close_ms: 1000")
    async with core(nats_server.url, workflow=flow) as system:
        await system.say("c1", "1", "hello")

        async def closed() -> bool:
            return bool(await system.messages(ConversationClosed, "c1"))

        await wait_until(closed, timeout_seconds=40)
        await system.say("c1", "2", "again")
        await system.until_finished("c1", 2)
        await system.assert_sound("c1")


async def test_an_execution_whose_result_was_lost_on_the_way_is_driven_again(nats_server: NatsServer) -> None:
    async with core(nats_server.url, orchestrators=0) as system:
        number = await system.start_orchestrator()
        system.answering.clear()
        await system.say("c1", "1", "hello")

        async def reached(length: int) -> bool:
            return len(await system.log("c1")) == length

        await wait_until(lambda: reached(2))
        await system.stop_orchestrator(number)
        system.answering.set()
        await wait_until(lambda: reached(3))
        pulling = await system.connection.jetstream.pull_subscribe_bind(consumer=ORCHESTRATOR.name, stream=LOG.name)
        await (await pulling.fetch(1, timeout=5))[0].ack()  # Somebody took the result and did nothing with it.
        await pulling.unsubscribe()
        await system.start_orchestrator()
        stop, far = asyncio.Event(), time.time_ns() // 1_000_000 + 3_600_000
        overdue = OverdueTimers(system.connection)
        sweeping = asyncio.create_task(sweep(overdue, now_ms=lambda: far, every_seconds=0.1, stop=stop))
        await system.until_finished("c1")
        stop.set()
        await sweeping
        assert [reply.text for reply in await system.replies("c1")] == ["you said: hello"]


async def test_a_running_execution_is_stopped_at_its_next_decision(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        system.answering.clear()
        await system.say("c1", "1", "hello")

        async def asked() -> bool:
            return bool(await system.messages(RequestCompletion, "c1"))

        await wait_until(asked)
        stop = StopExecution(reason="a person asked", asked_by="ana")
        await publish(system.connection, stop, Identity(TENANT, "c1", "stop", "stop"))
        await system.until_finished("c1")
        finished = (await system.messages(ExecutionFinished, "c1"))[0]
        assert isinstance(finished, ExecutionFinished)
        assert (finished.sink, finished.reason, finished.success) == ("HANDOVER", "stopped", False)
        system.answering.set()
        await system.assert_sound("c1")


async def test_content_over_the_limit_travels_by_reference_and_comes_back_whole(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        system.answer = lambda request: "é" * 200_000
        await system.say("c1", "1", "hello")
        await system.until_finished("c1")
        assert [reply.text for reply in await system.replies("c1")] == ["é" * 200_000]
        await system.assert_sound("c1")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'{"turn_id": "1", "text": 5}'])
async def test_bad_input_is_a_dead_letter_and_the_conversation_goes_on(nats_server: NatsServer, body: bytes) -> None:
    async with core(nats_server.url) as system:
        await system.connection.jetstream.publish(f"hil.evt.message.received.v1.{TENANT}.c1", body)
        await system.say("c1", "1", "hello")
        await system.until_finished("c1")

        async def buried() -> bool:
            return (await system.connection.jetstream.stream_info(DEAD_LETTERS.name)).state.messages == 1

        await wait_until(buried)
        await system.assert_sound("c1")


async def test_a_client_whose_clock_is_wrong_changes_nothing(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        headers = {"ce-time": "1999-01-01T00:00:00Z", "ce-id": "from-the-past"}
        body = MessageReceived(turn_id="1", text="hello").model_dump_json().encode()
        await system.connection.jetstream.publish(f"hil.evt.message.received.v1.{TENANT}.c1", body, headers=headers)
        await system.until_finished("c1")
        finished = (await system.messages(ExecutionFinished, "c1"))[0]
        assert isinstance(finished, ExecutionFinished)
        assert abs(finished.started_ms - time.time() * 1000) < 60_000


async def test_a_node_that_fails_across_executions_is_left_alone_and_said_so(nats_server: NatsServer) -> None:
    flow = ECHO.replace("limits: {timeout_ms: 20000}", "limits: {timeout_ms: 20000, max_retries: 1}")
    async with core(nats_server.url, orchestrators=0, workflow=flow) as system:
        system.answering.clear()
        await system.start_orchestrator(breaker_failures_min=4, breaker_executions_min=4)
        for number in range(4):
            await system.say(f"c{number}", "1", "hello")

            async def asked(key: str = f"c{number}") -> bool:
                return bool(await system.messages(RequestCompletion, key))

            await wait_until(asked)
            command_id = next(
                entry.id for entry in await system.log(f"c{number}") if isinstance(entry.message, RequestCompletion)
            )
            failed = CompletionFailed(
                command_id=command_id, node="answer", workflow="echo", error_class="provider_error", retryable=True
            )
            identity = Identity(TENANT, f"c{number}", derive_message_id(command_id, "failed"), command_id)
            await publish(system.connection, failed, identity)
        pattern = []

        async def detected() -> bool:
            pattern[:] = await system.messages(PatternDetected, "echo")
            return bool(pattern)

        await wait_until(detected)
        assert isinstance(pattern[0], PatternDetected)
        assert (pattern[0].node, pattern[0].error_class, pattern[0].failures) == ("answer", "provider_error", 4)
        await system.say("c9", "1", "hello")
        await system.until_finished("c9")
        finished = (await system.messages(ExecutionFinished, "c9"))[0]
        assert isinstance(finished, ExecutionFinished)
        assert finished.reason == "breaker_open"
        assert (await system.replayed("c9")).differences == ()
