"""What is left when the runner, or its ledger, goes away in the middle of a call?"""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.tool_calls import ExecuteToolCall, ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown
from service_kit.entries import encode
from service_kit.log import Log
from tests.support.kit import TENANT
from tests.support.mcp_counter import effects
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    Caller,
    all_servers_up,
    calling,
    kill_server,
    runner_process,
    running_runner,
    server_process,
    settings_for,
)
from tests.support.wait_until import wait_until
from tool_runner.settings import Settings


@pytest.fixture
def settings(own_nats_server: NatsServer, own_redis_server: RedisServer, servers_file: Path) -> Settings:
    return settings_for(own_nats_server.url, own_redis_server.url, servers_file)


@pytest.fixture
async def idle_caller(own_nats_server: NatsServer) -> AsyncIterator[Caller]:
    """A caller without a runner."""
    async with calling(own_nats_server.url) as calls:
        yield calls


async def killed_mid_call(
    settings: Settings, caller: Caller, effects_file: Path, *, tool: str, hold_ms: int = 1_500
) -> str:
    """A command whose runner died after the effect and before the answer."""
    with runner_process(settings) as runner:
        await all_servers_up(settings.http_port)
        command = await caller.command(tool, {"value": "x", "hold_ms": hold_ms})
        await wait_until(lambda: effects(effects_file))
        runner.kill()
        runner.wait()
    name = tool.partition(".")[0]
    await wait_until(lambda: server_process(effects_file, name) is None)
    return command


async def test_a_write_of_a_killed_runner_is_unknown(
    settings: Settings, idle_caller: Caller, effects_file: Path
) -> None:
    command = await killed_mid_call(settings, idle_caller, effects_file, tool="counter.append", hold_ms=60_000)
    async with running_runner(settings):
        fact = await idle_caller.fact_of(command)
    assert isinstance(fact, ToolCallOutcomeUnknown)
    assert len(effects(effects_file)) == 1


async def test_a_write_with_a_native_key_of_a_killed_runner_is_made_again(
    settings: Settings, idle_caller: Caller, effects_file: Path
) -> None:
    command = await killed_mid_call(settings, idle_caller, effects_file, tool="keyed.append")
    async with running_runner(settings):
        fact = await idle_caller.fact_of(command)
    assert isinstance(fact, ToolCallCompleted)
    assert len(effects(effects_file)) == 1


async def test_a_paused_runner_never_adds_a_second_fact(
    settings: Settings, idle_caller: Caller, effects_file: Path
) -> None:
    with runner_process(settings) as paused:
        await all_servers_up(settings.http_port)
        command = await idle_caller.command("keyed.append", {"value": "x", "hold_ms": 500})
        await wait_until(lambda: effects(effects_file))
        paused.send_signal(signal.SIGSTOP)
        other = settings_for(settings.nats_url, settings.redis_url, settings.servers_file or Path())
        async with running_runner(other):
            fact = await idle_caller.fact_of(command)
        os.kill(paused.pid, signal.SIGCONT)
        assert isinstance(fact, ToolCallCompleted)
        fresh = await idle_caller.call("counter.add", {"a": 1, "b": 2}, key="c2")
        assert isinstance(fresh, ToolCallCompleted)
    assert len(await idle_caller.facts()) == 1
    assert len(effects(effects_file)) == 1


async def test_a_call_waits_for_a_ledger_that_is_away(
    settings: Settings, idle_caller: Caller, own_redis_server: RedisServer, effects_file: Path
) -> None:
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        own_redis_server.kill()
        command = await idle_caller.command("counter.append", {"value": "x"})
        nothing = await idle_caller.call("counter.append", {"value": "x"}, tools_allowed=(), key="c2")
        assert isinstance(nothing, ToolCallFailed)  # A refusal needs no ledger, and shows that the bus goes on.
        assert effects(effects_file) == []
        own_redis_server.restart()
        fact = await idle_caller.fact_of(command)
    assert isinstance(fact, ToolCallCompleted)
    assert not fact.repeated
    assert len(effects(effects_file)) == 1


async def test_a_result_is_kept_while_the_ledger_is_away(
    settings: Settings, idle_caller: Caller, own_redis_server: RedisServer, effects_file: Path
) -> None:
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        command = await idle_caller.command("counter.append", {"value": "x", "hold_ms": 500})
        await wait_until(lambda: effects(effects_file))
        own_redis_server.kill()
        other = await idle_caller.command("counter.append", {"value": "y"}, key="c2")
        own_redis_server.restart()
        facts = [await idle_caller.fact_of(command), await idle_caller.fact_of(other)]
    assert all(isinstance(fact, ToolCallCompleted) for fact in facts)
    assert [effect["value"] for effect in effects(effects_file)] == ["x", "y"]


async def test_a_command_that_comes_again_is_answered_once(
    settings: Settings, idle_caller: Caller, effects_file: Path
) -> None:
    async with running_runner(settings):
        command = await idle_caller.command("counter.append", {"value": "x", "hold_ms": 400})
        await repeat(idle_caller, command)
        await idle_caller.fact_of(command)
        await repeat(idle_caller, command)
        await idle_caller.call("counter.add", {"a": 1, "b": 2}, call="after")
    assert [fact.tool for fact in await idle_caller.facts()] == ["counter.append", "counter.add"]
    assert len(effects(effects_file)) == 1


async def repeat(caller: Caller, command_id: str) -> None:
    """The same command once more, past the server's deduplication."""
    entries = await caller_log(caller)
    message = entries[command_id]
    identity = caller.commands[command_id]
    subject, body, headers = await encode(message, identity, jetstream=caller.connection.jetstream, service="test")
    await caller.connection.publish_surely(subject, body, headers=headers)


async def caller_log(caller: Caller) -> dict[str, ExecuteToolCall]:
    entries = await Log(caller.connection).read(TENANT, "c1")
    return {entry.id: entry.message for entry in entries if isinstance(entry.message, ExecuteToolCall)}


async def test_servers_killed_again_and_again_lose_no_read_and_double_no_keyed_write(
    settings: Settings, idle_caller: Caller, effects_file: Path
) -> None:
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        commands = [
            await idle_caller.command("keyed.append", {"value": f"{number}", "hold_ms": 60}, call=str(number))
            for number in range(40)
        ]
        for kills in range(1, 5):
            await wait_until(lambda kills=kills: len(effects(effects_file)) >= kills * 8)  # type: ignore[misc]
            await wait_until(lambda: server_process(effects_file, "keyed") is not None)
            kill_server(effects_file, "keyed")
        facts = [await idle_caller.fact_of(command) for command in commands]
    assert all(isinstance(fact, ToolCallCompleted) for fact in facts)
    assert sorted(int(str(effect["value"])) for effect in effects(effects_file)) == list(range(40))


async def test_a_runner_stops_cleanly_and_takes_its_servers_with_it(settings: Settings, effects_file: Path) -> None:
    with runner_process(settings) as runner:
        await all_servers_up(settings.http_port)
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(timeout=15) == 0
    await wait_until(lambda: server_process(effects_file) is None and server_process(effects_file, "keyed") is None)


async def test_nothing_of_arguments_and_results_is_logged(
    settings: Settings, idle_caller: Caller, tmp_path: Path
) -> None:
    talkative = settings.model_copy(update={"log_level": "debug"})
    with runner_process(talkative, tmp_path / "log"):
        await all_servers_up(settings.http_port)
        for tool, arguments in {
            "counter.append": {"value": "s3cret"},
            "counter.fail": {"text": "s3cret"},
            "counter.add": {"a": "s3cret"},
            "python.sized": {"text": "s3cret", "times": 0},
            "retail.get_order_details": {"order_id": "s3cret"},
        }.items():
            await idle_caller.call(tool, arguments, call=tool)
    log = (tmp_path / "log").read_text()
    assert log.count("message.handled") == 5
    assert "s3cret" not in log
