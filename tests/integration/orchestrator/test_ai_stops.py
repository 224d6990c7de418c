"""Does a stop in the bucket reach a running orchestrator, and its end too?"""

from contracts.executions import ExecutionFinished
from contracts.streams import AI_STOPS_BUCKET
from tests.support.orchestrating import TENANT, core
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


async def test_a_stopped_ai_hands_over_and_goes_on_when_the_stop_is_deleted(nats_server: NatsServer) -> None:
    async with core(nats_server.url, orchestrators=0) as system:
        bucket = await system.connection.jetstream.key_value(AI_STOPS_BUCKET)
        await bucket.put(f"{TENANT}.all", b'{"by": "ana", "reason": "wrong prices", "workflows": ["*"]}')
        await system.start_orchestrator()
        await system.say("c0", "1", "hi")
        await system.until_finished("c0")
        [end] = [m for m in await system.messages(ExecutionFinished, "c0") if isinstance(m, ExecutionFinished)]
        assert (end.reason, end.detail) == ("ai_stopped", "the AI is stopped by ana: wrong prices")
        await system.assert_sound("c0")

        await bucket.delete(f"{TENANT}.all")
        asked = 0

        async def answered() -> bool:
            nonlocal asked
            asked += 1
            await system.say(f"c{asked}", "1", "hi")
            await system.until_finished(f"c{asked}")
            return bool(await system.replies(f"c{asked}"))

        await wait_until(answered, timeout_seconds=20)
