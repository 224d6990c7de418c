"""Can a tool server that wants to do harm hold up the runner, or end it?"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp_types import JSONRPCRequest, JSONRPCResponse
from pydantic import JsonValue

from tests.support.wait_until import wait_until
from tool_runner.adapters.mcp_client import McpServer, ServerLimits
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.python_tools import PythonTools
from tool_runner.adapters.unasked import REQUESTS_MAX, Unasked
from tool_runner.domain.arguments import Caller
from tool_runner.domain.breaker import BreakerPolicy
from tool_runner.domain.outcome import Answered, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.tool_request import ToolRequest

PROGRAM = str(Path(__file__).parents[2] / "support" / "mcp_hostile.py")


async def _nothing(*_: object) -> None:
    """Nobody wants to know."""


@asynccontextmanager
async def hostile(mode: str) -> AsyncIterator[McpServer]:
    limits = ServerLimits(start_seconds_max=10.0, breaker=BreakerPolicy(failures_max=1, open_seconds=60.0))
    server = McpServer("hostile", Launch((sys.executable, PROGRAM, mode), {}), limits, _nothing)
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    try:
        await wait_until(server.settled.is_set)
        yield server
    finally:
        stop.set()
        await running


async def looked(server: McpServer) -> TryOutcome:
    return await server.call(ToolRequest("look", {}, time.monotonic() + 10, Caller("t", "c1")), _nothing)


async def test_no_schema_of_a_server_is_compared_without_bounds() -> None:
    """Before, the client compared the answer with the server's own pattern: for hours, and nothing else ran."""
    async with hostile("slow_pattern") as server:
        assert await looked(server) == Answered({"text": "a" * 40 + "!"}, is_error=False)  # Our validator is next.


async def test_an_answer_that_can_be_read_and_not_be_written_is_unusable() -> None:
    async with hostile("huge_integer") as server:
        assert await looked(server) == Unusable("its answer cannot be written as JSON (Integer exceeds 64-bit range)")
        assert server.available


@pytest.mark.parametrize("answer", ["\ud800", {"\ud800": 1}])
async def test_a_function_that_answers_with_what_cannot_be_written_is_unusable(answer: JsonValue) -> None:
    request = ToolRequest("odd", {}, time.monotonic() + 10, Caller("t", "c1"))
    outcome = await PythonTools("own", {"odd": lambda: answer}).call(request, _nothing)
    assert isinstance(outcome, Unusable)
    assert outcome.detail.startswith("its answer cannot be written as JSON")


@pytest.mark.parametrize("flood", ["empty_lines", "junk", "notifications"])
async def test_a_server_that_floods_does_not_hold_up_the_others(flood: str) -> None:
    """There is no clock here: before, one turn of the event loop took a second or more, and this half an hour."""
    async with hostile(flood) as server:
        assert await looked(server) == Answered({"text": "here"}, is_error=False)
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert server.available


async def test_what_was_not_asked_for_is_heard_within_bounds() -> None:
    unasked, ping = Unasked(), JSONRPCRequest(jsonrpc="2.0", id=1, method="ping")
    assert not await unasked.admits(None, bytes_read=1)
    assert [await unasked.admits(ping, bytes_read=1) for _ in range(REQUESTS_MAX + 2)].count(True) == REQUESTS_MAX
    unasked.written(JSONRPCResponse(jsonrpc="2.0", id=1, result={}))
    assert await unasked.admits(ping, bytes_read=1)  # One was answered, so that one more is heard.
    unasked.written(ping)
    assert await unasked.admits(JSONRPCResponse(jsonrpc="2.0", id=1, result={}), bytes_read=1)


@pytest.mark.parametrize("listing", ["endless_list", "large_list"])
async def test_a_list_of_tools_without_end_is_not_taken(listing: str) -> None:
    async with hostile(listing) as server:
        assert not server.available
        refused = await looked(server)
        assert isinstance(refused, NotSent)
        assert refused.error_class is ErrorClass.SERVER_UNAVAILABLE
