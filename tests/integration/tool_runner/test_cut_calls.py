"""Calls that are cut by a deadline, or by the death of their server."""

import asyncio
from pathlib import Path

import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown
from tests.support.mcp_counter import effects
from tests.support.tool_runner import Caller, kill_server, server_process
from tests.support.wait_until import wait_until


def looks(effects_file: Path) -> int:
    path = Path(f"{effects_file}.looks")
    return len(path.read_text().splitlines()) if path.exists() else 0


async def test_a_late_read_fails_and_may_be_tried_again(caller: Caller) -> None:
    fact = await caller.call("counter.look", {"hold_ms": 60_000}, timeout_ms=300)
    assert isinstance(fact, ToolCallFailed)
    assert (fact.error_class, fact.retryable) == ("timeout", True)


async def test_a_late_write_is_unknown_and_never_made_again(caller: Caller, effects_file: Path) -> None:
    late = await caller.call("counter.append", {"value": "x", "hold_ms": 60_000}, timeout_ms=500)
    again = await caller.call("counter.append", {"value": "x", "hold_ms": 60_000}, attempt=2)
    assert isinstance(late, ToolCallOutcomeUnknown)
    assert isinstance(again, ToolCallOutcomeUnknown)
    assert len(effects(effects_file)) == 1


async def test_a_late_write_with_a_native_key_may_be_tried_again_and_has_one_effect(
    caller: Caller, effects_file: Path
) -> None:
    arguments: dict[str, object] = {"value": "x", "hold_ms": 700}
    late = await caller.call("keyed.append", arguments, timeout_ms=400)
    again = await caller.call("keyed.append", arguments, attempt=2)
    assert isinstance(late, ToolCallFailed)
    assert (late.error_class, late.retryable) == ("timeout", True)
    assert isinstance(again, ToolCallCompleted)
    assert len(effects(effects_file)) == 1


async def test_a_deadline_kills_the_server_and_others_go_on(caller: Caller, effects_file: Path) -> None:
    before = server_process(effects_file)
    wedged = await caller.command("retail.calculate", {"expression": "9**9**9"}, timeout_ms=3_000)
    await caller.command("counter.slow", {"ms": 60_000}, call="2", timeout_ms=500)
    beside = await caller.call("keyed.append", {"value": "beside"}, call="3")
    after = await caller.call("counter.add", {"a": 1, "b": 2}, call="4")
    shop = await caller.fact_of(wedged)
    alive = await caller.call("retail.calculate", {"expression": "6 * 7"}, call="5")
    assert isinstance(beside, ToolCallCompleted)
    assert beside.latency_ms < 2_000
    assert isinstance(after, ToolCallCompleted)
    assert server_process(effects_file) != before
    assert isinstance(shop, ToolCallFailed)
    assert (shop.error_class, shop.retryable) == ("timeout", True)
    assert isinstance(alive, ToolCallCompleted)
    assert alive.result == 42.0 or alive.result == "42.0"


async def test_a_server_killed_between_calls_is_started_again(caller: Caller, effects_file: Path) -> None:
    killed = kill_server(effects_file)
    await wait_until(lambda: server_process(effects_file) not in (None, killed))
    fact = await caller.call("counter.append", {"value": "x"})
    assert isinstance(fact, ToolCallCompleted)


async def test_a_read_cut_by_the_death_of_its_server_is_made_again(caller: Caller, effects_file: Path) -> None:
    command = await caller.command("counter.look", {"hold_ms": 400})
    await wait_until(lambda: looks(effects_file) == 1)
    kill_server(effects_file)
    fact = await caller.fact_of(command)
    assert isinstance(fact, ToolCallCompleted)
    assert looks(effects_file) == 2


async def test_a_write_cut_by_the_death_of_its_server_is_unknown(caller: Caller, effects_file: Path) -> None:
    command = await caller.command("counter.append", {"value": "x", "hold_ms": 60_000})
    waiting = [
        await caller.command("counter.append", {"value": f"later {number}"}, call=f"later {number}")
        for number in range(5)
    ]
    await wait_until(lambda: effects(effects_file))
    kill_server(effects_file)
    fact = await caller.fact_of(command)
    later = [await caller.fact_of(other) for other in waiting]
    assert isinstance(fact, ToolCallOutcomeUnknown)
    assert all(isinstance(other, ToolCallCompleted) for other in later)
    assert sorted(str(effect["value"]) for effect in effects(effects_file)) == [
        *(f"later {number}" for number in range(5)),
        "x",
    ]


async def test_a_write_with_a_native_key_goes_on_after_the_death_of_its_server(
    caller: Caller, effects_file: Path
) -> None:
    command = await caller.command("keyed.append", {"value": "x", "hold_ms": 400})
    await wait_until(lambda: effects(effects_file))
    kill_server(effects_file, "keyed")
    fact = await caller.fact_of(command)
    assert isinstance(fact, ToolCallCompleted)
    assert isinstance(fact.result, dict)
    assert fact.result["effects_before"] == 1
    assert len(effects(effects_file)) == 1


async def test_a_server_that_keeps_dying_is_left_alone_for_a_while(caller: Caller) -> None:
    for number in range(5):
        cut = await caller.call("counter.crash", {}, call=f"crash {number}")
        assert isinstance(cut, ToolCallOutcomeUnknown)
    refused = await caller.call("counter.add", {"a": 1, "b": 2}, call="refused")
    assert isinstance(refused, ToolCallFailed)
    assert (refused.error_class, refused.retryable) == ("server_unavailable", True)
    assert refused.latency_ms < 1_000
    beside = await caller.call("keyed.append", {"value": "beside"}, call="beside")
    assert isinstance(beside, ToolCallCompleted)


@pytest.mark.parametrize("tool", ["append", "look"])
async def test_calls_to_one_server_wait_for_each_other_and_not_for_other_servers(caller: Caller, tool: str) -> None:
    arguments = {"value": "x", "hold_ms": 300} if tool == "append" else {"hold_ms": 300}
    commands = [await caller.command(f"counter.{tool}", arguments, call=str(number)) for number in range(4)]
    beside = await caller.call("keyed.append", {"value": "beside"}, call="beside")
    facts = await asyncio.gather(*(caller.fact_of(command) for command in commands))
    assert isinstance(beside, ToolCallCompleted)
    assert beside.latency_ms < 600
    assert all(isinstance(fact, ToolCallCompleted) for fact in facts)
    assert max(fact.latency_ms for fact in facts) >= 1_000
