"""Does a command that comes twice, or whose gateway crashed, have one effect?"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from tests.integration.cost_gate.open_gate import open_gate
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.gateway_kit import Bench, running_gateway
from tests.support.kit import TENANT
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from contracts.completions import RequestCompletion
from contracts.envelope import LogEntry
from contracts.subjects import Subject
from cost_gate import Ask, Balance, scope_of
from hil.replay_model import Rule, ScriptedCall
from llm_gateway.adapters.models_file import load_models
from llm_gateway.app import gateway_on
from llm_gateway.handlers.request_completion import request_completion
from service_kit.bus import Delivery


async def delivery_of(bench: Bench, command_id: str, key: str = "c1", attempt: int = 2) -> Delivery:
    """The stored command, delivered once more."""
    entry: LogEntry = next(entry for entry in await bench.log(key) if entry.id == command_id)
    assert isinstance(entry.message, RequestCompletion)
    return Delivery(Subject("cmd", "completion.request", 1, TENANT, key), entry.message, entry, attempt, 0)


async def test_a_delivery_after_the_answer_changes_nothing(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="one"), Rule(text="two")) as bench:
        command_id = await bench.request()
        first = await bench.fact(command_id)
        delivery = await delivery_of(bench, command_id)
        models = load_models(bench.settings.models_file)
        async with gateway_on(bench.connection, bench.settings, models) as gateway:
            await request_completion(delivery, gateway)
        assert [fact for _, fact in await bench.facts(command_id)] == [first]
        assert len(bench.model.received) == 1


async def test_two_answers_of_one_command_are_stored_once(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="one"), Rule(status=400, times=None)) as bench:
        command_id = await bench.request()
        first = await bench.fact(command_id)
        delivery = replace(await delivery_of(bench, command_id), attempt=1)  # As if the log had not shown it yet.
        models = load_models(bench.settings.models_file)
        async with gateway_on(bench.connection, bench.settings, models) as gateway:
            await request_completion(delivery, gateway)
        assert [fact for _, fact in await bench.facts(command_id)] == [first]


async def test_a_second_delivery_while_the_first_is_in_flight_calls_nobody(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="slow", delay_seconds=0.5, times=None)) as bench:
        command_id = await bench.request(key="held", tools=("late.*",))  # The service waits for the tool.
        delivery = await delivery_of(bench, command_id, "held", attempt=1)
        command = replace(delivery, message=delivery.message.model_copy(update={"tools": ()}))
        models = load_models(bench.settings.models_file)
        async with gateway_on(bench.connection, bench.settings, models) as gateway:
            await asyncio.gather(*(request_completion(command, gateway) for _ in range(5)))
        assert len(bench.model.received) == 1


async def test_what_a_crashed_gateway_held_is_counted_and_the_call_is_made_again(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="again")) as bench, open_gate(bench.redis_url) as gate:
        scope = scope_of(TENANT, "execution", "e1", cap_microdollars=10_000)
        ask = Ask(f"{TENANT}/command-c1-1/0", [scope], 700)
        await gate.reserve(ask, lease_seconds=600, now=datetime.now(UTC))
        fact = await bench.produced()
        assert await bench.balance() == Balance(700 + fact.cost_microdollars, 0, 0)


async def test_a_chain_is_sent_whole_from_memory_and_from_the_log(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="one"), Rule(text="two"), Rule(text="three")) as bench:
        first = await bench.request(messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "a"}])
        await bench.fact(first)
        second = await bench.request(text="b", continues=first)
        await bench.fact(second)
        assert [message["content"] for message in bench.asked_messages()] == ["s", "a", "one", "b"]
        async with running_gateway(bench.settings):  # Another gateway, which remembers nothing.
            pass
        models = load_models(bench.settings.models_file)
        third = await bench.request(key="c1", text="c", continues=second, tools=("late.*",))
        delivery = await delivery_of(bench, third, attempt=1)
        command = replace(delivery, message=delivery.message.model_copy(update={"tools": ()}))
        async with gateway_on(bench.connection, bench.settings, models) as gateway:
            await request_completion(command, gateway)
            assert gateway.prompts.log_reads == 1
        whole = [message["content"] for message in bench.asked_messages()]
        assert whole == ["s", "a", "one", "b", "two", "c"]


async def test_a_chain_keeps_tool_calls_and_their_results(start_bench: StartBench) -> None:
    call = ScriptedCall(name="get_order", arguments={"id": "7"}, id="call_1")
    async with start_bench(Rule(tool_calls=(call,)), Rule(text="done")) as bench:
        await bench.add_tool("shop.get_order")
        first = await bench.request(tools=("shop.*",))
        await bench.fact(first)
        result = {"role": "tool", "tool_call_id": "call_1", "content": "{}"}
        await bench.produced(messages=[result], continues=first, tools=("shop.*",))
        roles = [message["role"] for message in bench.asked_messages()]
        assert roles == ["user", "assistant", "tool"]
        sent = bench.asked_messages()[1]["tool_calls"][0]
        assert (sent["id"], sent["function"]["name"], sent["function"]["arguments"]) == (
            "call_1",
            "shop__get_order",
            '{"id": "7"}',
        )


async def test_a_chain_that_breaks_is_a_failure(start_bench: StartBench) -> None:
    async with start_bench() as bench:
        fact = await bench.failed(continues="nobody")
        assert (fact.error_class, fact.retryable) == ("invalid_request", False)
        assert not bench.model.received


async def test_while_redis_is_gone_nothing_is_spent_and_afterwards_the_request_is_answered(
    start_bench: StartBench, own_redis_server: RedisServer
) -> None:
    async with start_bench(Rule(text="late"), redis_url=own_redis_server.url) as bench:
        own_redis_server.kill()
        command_id = await bench.request()

        async def delivered() -> bool:
            info = await bench.connection.jetstream.consumer_info("HIL_LOG", "llm-gateway")
            return (info.num_redelivered or 0) > 0

        await wait_until(delivered)
        assert not bench.model.received
        own_redis_server.restart()
        assert getattr(await bench.fact(command_id, timeout_seconds=30), "text", None) == "late"
        assert len(bench.model.received) == 1
