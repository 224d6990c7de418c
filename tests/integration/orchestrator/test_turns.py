"""Turns on a real server: answered once whatever is delivered how often, by however many orchestrators."""

import asyncio

from contracts.conversations import MessageReceived, MessageSuppressed, TurnRefused
from contracts.envelope import Identity
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverClaimed
from service_kit.bus import publish
from service_kit.log import Log
from tests.support.orchestrating import ECHO, TENANT, core
from tests.support.start_servers import NatsCluster, NatsServer
from tests.support.wait_until import wait_until


async def fifty_at_once(url: str, *, replicas: int) -> None:
    async with core(url, orchestrators=2, replicas=replicas) as system:
        await asyncio.gather(*(system.say("c1", str(turn), f"question {turn}") for turn in range(50)))
        await system.until_finished("c1", 50, seconds=60)
        replies = await system.replies("c1")
        assert sorted(reply.turn_id or "" for reply in replies) == sorted(map(str, range(50)))
        assert {reply.text for reply in replies} == {f"you said: question {turn}" for turn in range(50)}
        received = [entry.message for entry in await system.log("c1") if entry.id.startswith(f"{TENANT}:c1:")]
        in_order = [message.turn_id for message in received]  # type: ignore[union-attr]
        assert [reply.turn_id for reply in replies] == in_order
        await system.assert_sound("c1")


async def same_turn_many_times(url: str, *, replicas: int) -> None:
    async with core(url, orchestrators=2, replicas=replicas) as system:
        await asyncio.gather(*(system.say("c1", "7", "hello", again=n) for n in range(50)))
        await system.until_finished("c1")
        for number in range(25):
            await system.say("c1", "7", "hello", again=f"later{number}")
        await system.stop_orchestrator(0)
        await system.stop_orchestrator(1)
        await system.start_orchestrator()
        for number in range(25):
            await system.say("c1", "7", "hello", again=f"restarted{number}")
        await system.say("c1", "8", "bye")
        await system.until_finished("c1", 2)
        assert [reply.text for reply in await system.replies("c1")] == ["you said: hello", "you said: bye"]
        assert len(await system.messages(ExecutionFinished, "c1")) == 2
        await system.assert_sound("c1")


async def test_two_orchestrators_answer_fifty_messages_of_one_conversation_once_each(nats_server: NatsServer) -> None:
    await fifty_at_once(nats_server.url, replicas=1)


async def test_the_same_turn_a_hundred_times_is_one_execution_and_one_answer(nats_server: NatsServer) -> None:
    await same_turn_many_times(nats_server.url, replicas=1)


async def test_three_replicas_answer_fifty_messages_once_each(nats_cluster: NatsCluster) -> None:
    await fifty_at_once(",".join(nats_cluster.urls), replicas=3)


async def test_three_replicas_answer_the_same_turn_once(nats_cluster: NatsCluster) -> None:
    await same_turn_many_times(",".join(nats_cluster.urls), replicas=3)


async def test_two_tenants_with_the_same_conversation_and_turn_get_two_answers(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        await system.publish_workflow(ECHO, tenant="zenith")
        await asyncio.gather(system.say("c1", "1", "hi"), system.say("c1", "1", "hi", tenant="zenith"))
        await system.until_finished("c1")
        await system.until_finished("c1", tenant="zenith")
        assert len(await system.replies("c1")) == 1
        assert len(await system.replies("c1", "zenith")) == 1


async def test_a_turn_id_reused_with_other_text_is_refused_aloud(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        await system.say("c1", "1", "first text")
        await system.until_finished("c1")
        await system.say("c1", "1", "other text")

        async def refused() -> bool:
            return bool(await system.messages(TurnRefused, "c1"))

        await wait_until(refused)
        refusal = (await system.messages(TurnRefused, "c1"))[0]
        assert isinstance(refusal, TurnRefused)
        assert (refusal.reason, refusal.turn_id) == ("text_conflict", "1")
        assert [reply.text for reply in await system.replies("c1")] == ["you said: first text"]


async def test_an_answer_that_comes_after_a_human_claimed_is_kept_but_not_sent(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        system.answering.clear()
        await system.say("c1", "1", "hello")

        async def asked() -> bool:
            return len(await system.log("c1")) == 2

        await wait_until(asked)
        entries = await system.log("c1")
        claim = HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="ana", agent_id="ana")
        await Log(system.connection).append(claim, Identity(TENANT, "c1", "claim1", "x"), fence=entries[-1].sequence)
        system.answering.set()
        await system.until_finished("c1")
        assert await system.replies("c1") == []
        suppressed = (await system.messages(MessageSuppressed, "c1"))[0]
        assert isinstance(suppressed, MessageSuppressed)
        assert (suppressed.text, suppressed.reason) == ("you said: hello", "stale_epoch")
        finished = (await system.messages(ExecutionFinished, "c1"))[0]
        assert isinstance(finished, ExecutionFinished)
        assert (finished.sink, finished.reason) == ("HANDOVER", "taken_over")
        await system.assert_sound("c1")


async def test_messages_without_any_known_workflow_are_refused_aloud(nats_server: NatsServer) -> None:
    async with core(nats_server.url) as system:
        await publish(
            system.connection,
            MessageReceived(turn_id="1", text="hi", workflow="nonesuch"),
            Identity(TENANT, "c9", "m1", "m1"),
        )

        async def refused() -> bool:
            return bool(await system.messages(TurnRefused, "c9"))

        await wait_until(refused)
        refusal = (await system.messages(TurnRefused, "c9"))[0]
        assert isinstance(refusal, TurnRefused)
        assert refusal.reason == "unknown_workflow"
        assert "nonesuch" in refusal.detail
