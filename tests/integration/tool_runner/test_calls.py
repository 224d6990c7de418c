"""Tool calls over a real bus, a real ledger and real MCP servers."""

import json
from pathlib import Path

import aiohttp
import pytest

from contracts.streams import TOOLS_BUCKET
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown
from tests.support.mcp_counter import effects
from tests.support.tool_runner import Caller
from tests.support.wait_until import wait_until


async def test_a_call_ends_in_its_result(caller: Caller) -> None:
    fact = await caller.call("counter.add", {"a": 2, "b": 3})
    assert isinstance(fact, ToolCallCompleted)
    assert fact.result == {"sum": 5}
    assert (fact.is_error, fact.repeated, fact.node, fact.tool) == (False, False, "agent", "counter.add")


async def test_the_tools_own_error_is_a_completed_call(caller: Caller) -> None:
    fact = await caller.call("counter.fail", {"text": "order not found"})
    assert isinstance(fact, ToolCallCompleted)
    assert (fact.is_error, fact.result) == (True, {"error": "order not found"})


@pytest.mark.parametrize(
    ("tool", "arguments", "fields", "error_class"),
    [
        ("counter.add", {"a": 1, "b": 2}, {"tools_allowed": ()}, "denied"),
        ("counter.add", {"a": 1, "b": 2}, {"tools_allowed": ("retail.*", "counter.append")}, "denied"),
        ("counter.subtract", {}, {}, "unknown_tool"),
        ("counter.hidden", {}, {}, "unknown_tool"),
        ("retail.reset_state", {}, {}, "unknown_tool"),
        ("counter.add", {"a": 1, "b": "two"}, {}, "invalid_arguments"),
        ("counter.add", {"a": 1}, {}, "invalid_arguments"),
        ("counter.add", {"a": 1, "b": 2, "c": 3}, {}, "invalid_arguments"),
        ("keyed.append", {"value": "x", "key": "forged"}, {}, "invalid_arguments"),
        ("retail.get_order_details", {"order_id": "#W1", "state_key": "tau2/retail/other"}, {}, "invalid_arguments"),
        ("counter.slow", {"ms": 10**30}, {}, "invalid_arguments"),
    ],
)
async def test_a_refused_call_never_reaches_the_tool(
    caller: Caller,
    effects_file: Path,
    *,
    tool: str,
    arguments: dict[str, object],
    fields: dict[str, object],
    error_class: str,
) -> None:
    fact = await caller.call(tool, arguments, **fields)
    assert isinstance(fact, ToolCallFailed)
    assert (fact.error_class, fact.retryable) == (error_class, False)
    assert "two" not in fact.detail
    assert "forged" not in fact.detail
    assert effects(effects_file) == []


async def test_the_same_command_twice_has_one_effect_and_one_fact(caller: Caller, effects_file: Path) -> None:
    command = await caller.command("counter.append", {"value": "x", "hold_ms": 200})
    await caller.command("counter.append", {"value": "x", "hold_ms": 200})  # The same id: the server drops it.
    await caller.fact_of(command)
    assert [effect["value"] for effect in effects(effects_file)] == ["x"]
    assert len(await caller.facts()) == 1


async def test_a_second_attempt_of_the_same_call_is_answered_with_the_original_result(
    caller: Caller, effects_file: Path
) -> None:
    first = await caller.call("counter.append", {"value": "x"})
    second = await caller.call("counter.append", {"value": "x"}, attempt=2)
    assert isinstance(first, ToolCallCompleted)
    assert isinstance(second, ToolCallCompleted)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.result == second.result
    assert len(effects(effects_file)) == 1


async def test_two_attempts_at_once_have_one_effect(caller: Caller, effects_file: Path) -> None:
    commands = [
        await caller.command("counter.append", {"value": "x", "hold_ms": 300}, attempt=number) for number in range(1, 9)
    ]
    facts = [await caller.fact_of(command) for command in commands]
    assert all(isinstance(fact, ToolCallCompleted) for fact in facts)
    assert sum(isinstance(fact, ToolCallCompleted) and not fact.repeated for fact in facts) == 1
    assert len(effects(effects_file)) == 1


async def test_a_key_with_other_arguments_is_refused(caller: Caller, effects_file: Path) -> None:
    await caller.call("counter.append", {"value": "x"})
    fact = await caller.call("counter.append", {"value": "y"}, attempt=2)
    assert isinstance(fact, ToolCallFailed)
    assert (fact.error_class, fact.retryable) == ("key_reused", False)
    assert [effect["value"] for effect in effects(effects_file)] == ["x"]


async def test_the_same_key_of_another_conversation_is_another_call(caller: Caller, effects_file: Path) -> None:
    for key in ("c1", "c2"):
        await caller.call("keyed.append", {"value": key}, key=key, idempotency_key="same")
    assert [effect["value"] for effect in effects(effects_file)] == ["c1", "c2"]
    assert [effect["key"] for effect in effects(effects_file)] == ["acme/c1/same", "acme/c2/same"]


async def test_a_large_result_goes_to_the_object_store(caller: Caller) -> None:
    fact = await caller.call("counter.big", {"bytes": 400_000})
    assert isinstance(fact, ToolCallCompleted)
    assert fact.result == {"text": "x" * 400_000}


async def test_a_result_over_the_limit_never_leaves_the_runner(caller: Caller) -> None:
    fact = await caller.call("counter.big", {"bytes": 2_000_000})
    assert isinstance(fact, ToolCallFailed)
    assert fact.error_class == "invalid_result"


async def test_a_server_gets_nothing_of_our_environment(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "hunter2")
    fact = await caller.call("counter.environment", {})
    assert isinstance(fact, ToolCallCompleted)
    assert isinstance(fact.result, dict)
    assert set(fact.result["names"]) <= {"COUNTER_FILE", "LANG", "LC_CTYPE", "PATH"}


async def test_python_functions_are_tools(caller: Caller) -> None:
    good = await caller.call("python.sized", {"text": "four", "times": 2})
    bad = await caller.call("python.sized", {"text": "four", "times": 0}, call="2")
    odd = await caller.call("python.unwritable", {}, call="4")
    late = await caller.call("python.napping", {"seconds": 60}, call="3", timeout_ms=200)
    assert isinstance(good, ToolCallCompleted)
    assert good.result == {"characters": 8}
    assert isinstance(bad, ToolCallCompleted)
    assert bad.result == {"error": "ValueError: times is 0, at least 1"}
    assert isinstance(odd, ToolCallFailed)
    assert odd.error_class == "invalid_result"
    assert isinstance(late, ToolCallOutcomeUnknown)


async def test_the_shop_keeps_one_database_for_each_conversation(caller: Caller) -> None:
    cancel = {"order_id": "#W5918442", "reason": "no longer needed"}
    done = await caller.call("retail.cancel_pending_order", cancel, key="c1")
    order = await caller.call("retail.get_order_details", {"order_id": "#W5918442"}, key="c2", call="2")
    missing = await caller.call("retail.get_order_details", {"order_id": "#W0"}, key="c1", call="3")
    assert isinstance(done, ToolCallCompleted)
    assert isinstance(done.result, dict)
    assert done.result["status"] == "cancelled"
    assert isinstance(order, ToolCallCompleted)
    assert isinstance(order.result, dict)
    assert order.result["status"] == "pending"
    assert isinstance(missing, ToolCallCompleted)
    assert (missing.is_error, missing.result) == (True, "Error: Order not found")


async def test_models_see_neither_hidden_tools_nor_the_runners_own_arguments(caller: Caller, http_port: int) -> None:
    await caller.call("retail.calculate", {"expression": "1 + 1"})
    bucket = await caller.connection.jetstream.key_value(TOOLS_BUCKET)

    async def published() -> bool:
        names = await bucket.keys()
        return {"keyed.append", "python.sized", "retail.calculate"} <= set(names)

    await wait_until(published)
    names = await bucket.keys()
    assert not {"counter.hidden", "retail.reset_state", "retail.get_call_log"} & set(names)
    order = json.loads((await bucket.get("retail.get_order_details")).value or b"")
    assert (order["side_effect"], list(order["input_schema"]["properties"])) == ("read", ["order_id"])
    keyed = json.loads((await bucket.get("keyed.append")).value or b"")
    assert (keyed["idempotent"], sorted(keyed["input_schema"]["properties"])) == (True, ["hold_ms", "value"])
    async with aiohttp.ClientSession(f"http://127.0.0.1:{http_port}") as http:
        answer = await (await http.get("/v1/tools")).json()
        ready = await http.get("/readyz")
    assert {tool["name"] for tool in answer["tools"]} == set(names)
    assert {server["name"]: server["available"] for server in answer["servers"]} == {
        name: True for name in ("counter", "keyed", "python", "retail")
    }
    assert ready.status == 200
