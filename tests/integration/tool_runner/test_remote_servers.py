"""Does a call of a server at an address end as it should, whatever the server does, and on whose behalf is it made?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from tests.support.remote_mcp import RemoteMcpServer, remote_mcp_server
from tests.support.wait_until import wait_until
from tool_runner.adapters.address_guard import call_headers
from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.remote_server import RemoteServer
from tool_runner.adapters.tool_sources import RemoteMcp
from tool_runner.domain.arguments import Caller
from tool_runner.domain.breaker import BreakerPolicy
from tool_runner.domain.manifest import ListedTool, ServerRules, ToolRules
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.tool_request import ToolRequest

ANN, BOB = {"X-Api-Key": "key-of-ann"}, {"X-Api-Key": "key-of-bob"}
LIMITS = ServerLimits(concurrency=4, start_seconds_max=5.0, breaker=BreakerPolicy(failures_max=2, open_seconds=60.0))


@pytest.fixture
async def server() -> AsyncIterator[RemoteMcpServer]:
    async with remote_mcp_server() as running:
        yield running


class Remote:
    """A client of one address, and what it has heard of its tools."""

    def __init__(self, url: str, *, sessions_max: int = 16, limits: ServerLimits = LIMITS) -> None:
        rules = ServerRules("remote", defaults=ToolRules(idempotency_header="Idempotency-Key"))
        source = RemoteMcp(url, {"x-api-key": "project-key"}, sessions_max)
        self.listed: list[ListedTool] = []
        self.source = RemoteServer(rules, source, limits, self._take)

    async def _take(self, _: str, listed: list[ListedTool]) -> None:
        self.listed = listed

    async def call(self, headers: dict[str, str], *, text: str = "", seconds: float = 5.0) -> TryOutcome:
        request = ToolRequest(
            "whoami", {"text": text}, time.monotonic() + seconds, Caller("t", "c1"), f"t/c1/{text}", headers
        )
        return await self.source.call(request, _nothing)


@asynccontextmanager
async def remote(url: str, *, sessions_max: int = 16) -> AsyncIterator[Remote]:
    one, stop = Remote(url, sessions_max=sessions_max), asyncio.Event()
    running = asyncio.create_task(one.source.run(stop))
    try:
        await wait_until(one.source.settled.is_set)
        yield one
    finally:
        stop.set()
        await running


async def _nothing() -> None:
    """Nothing is to be written down before the call."""


async def test_tools_are_listed_with_the_installations_key_and_called_with_the_callers(server: RemoteMcpServer) -> None:
    async with remote(server.url) as one:
        assert [tool.name for tool in one.listed] == ["whoami"]
        answers = await asyncio.gather(*(one.call(ANN if n % 2 else BOB, text=str(n)) for n in range(20)))
        assert answers == [Answered(f"{'ann' if n % 2 else 'bob'}:{n}", is_error=False) for n in range(20)]
        assert sorted(server.sessions.values()) == ["", "ann", "bob"]  # One session for each credential.
        assert {key for _, _, key in server.calls} == {f"t/c1/{n}" for n in range(20)}
        assert one.source.available


async def test_thousands_of_tools_are_listed_and_not_a_part_of_too_many(
    server: RemoteMcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tools_more = tuple(f"ACTION_{number}" for number in range(2_999))
    async with remote(server.url) as one:
        assert len(one.listed) == 3_000 and one.source.available
    monkeypatch.setattr("tool_runner.adapters.mcp_session.TOOLS_MAX", 2_999)
    async with remote(server.url) as one:
        assert one.listed == [] and not one.source.available


async def test_a_server_of_the_official_sdk_is_called() -> None:
    official = MCPServer("sums")

    @official.tool()
    def add(a: int, b: int) -> int:
        """The sum."""
        return a + b

    async with _of_the_sdk(official) as url, remote(url) as one:
        (tool,) = one.listed
        assert (tool.name, tool.description) == ("add", "The sum.")
        until = time.monotonic() + 5
        outcome = await one.source.call(ToolRequest("add", {"a": 1, "b": 2}, until, Caller("t", "c1")), _nothing)
        assert outcome == Answered({"result": 3}, is_error=False)
        broken = await one.source.call(ToolRequest("add", {"a": "x"}, until, Caller("t", "c1")), _nothing)
        assert isinstance(broken, Answered)
        assert broken.is_error


@asynccontextmanager
async def _of_the_sdk(server: MCPServer) -> AsyncIterator[str]:
    serving = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), port=0, log_level="critical"))
    running = asyncio.create_task(serving.serve())
    await wait_until(lambda: serving.started)
    try:
        yield f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        serving.should_exit = True
        await running


@pytest.mark.parametrize(
    ("misbehaviour", "outcome"),
    [
        ("hang", Cut(CutBy.TIMEOUT)),
        ("break", Cut(CutBy.SERVER_DEATH)),
        ("500", Cut(CutBy.SERVER_DEATH)),
        ("flood", Unusable("its answer is over the limit of 16777216 bytes")),
        ("nonsense", Unusable("its answer is no message of the protocol")),
        ("huge", Unusable("its answer cannot be written as JSON (Integer exceeds 64-bit range)")),
        ("html", Unusable("its answer is 'text/html', not JSON")),
    ],
)
async def test_what_a_server_may_have_done_is_not_taken_for_undone(
    server: RemoteMcpServer, misbehaviour: str, outcome: TryOutcome
) -> None:
    async with remote(server.url) as one:
        server.misbehaviour = misbehaviour
        assert await one.call(ANN, seconds=1.0) == outcome
        assert len(server.calls) == 1
        server.misbehaviour = ""
        assert await one.call(ANN) == Answered("ann:", is_error=False)


@pytest.mark.parametrize(
    ("misbehaviour", "error_class"),
    [
        ("401", ErrorClass.DENIED),
        ("429", ErrorClass.SERVER_UNAVAILABLE),
        ("redirect", ErrorClass.SERVER_UNAVAILABLE),
        ("404", ErrorClass.SERVER_UNAVAILABLE),
    ],
)
async def test_what_a_server_refused_was_not_made(
    server: RemoteMcpServer, misbehaviour: str, error_class: ErrorClass
) -> None:
    async with remote(server.url) as one:
        server.misbehaviour = misbehaviour
        outcome = await one.call(ANN)
        assert isinstance(outcome, NotSent)
        assert outcome.error_class is error_class


async def test_a_key_that_the_server_does_not_know_hurts_nobody_else(server: RemoteMcpServer) -> None:
    async with remote(server.url) as one:
        for _ in range(3):
            outcome = await one.call({"x-api-key": "stolen"})
            assert isinstance(outcome, NotSent)
            assert outcome.error_class is ErrorClass.DENIED
            assert "stolen" not in outcome.detail
        assert await one.call(ANN) == Answered("ann:", is_error=False)


@pytest.mark.parametrize(("callers", "next_is_made"), [(ANN, True), ({}, False)])
async def test_an_account_that_calls_too_often_shuts_nobody_else_out(
    server: RemoteMcpServer, callers: dict[str, str], next_is_made: bool
) -> None:
    async with remote(server.url) as one:
        server.misbehaviour = "429"
        for _ in range(LIMITS.breaker.failures_max):
            assert isinstance(await one.call(callers), NotSent)
        server.misbehaviour = ""
        assert (await one.call(BOB) == Answered("bob:", is_error=False)) is next_is_made


async def test_a_session_that_the_server_forgot_is_opened_anew(server: RemoteMcpServer) -> None:
    async with remote(server.url) as one:
        assert await one.call(ANN, text="1") == Answered("ann:1", is_error=False)
        server.sessions.clear()
        assert await one.call(ANN, text="2") == Answered("ann:2", is_error=False)
        assert [key for _, _, key in server.calls] == ["t/c1/1", "t/c1/2"]


async def test_sessions_are_bounded(server: RemoteMcpServer) -> None:
    async with remote(server.url, sessions_max=2) as one:
        for headers in (ANN, BOB, ANN, BOB):
            assert isinstance(await one.call(headers), Answered)
        assert one.source.sessions_open <= 2


async def test_the_breaker_opens_and_the_calls_of_a_hanging_server_end(server: RemoteMcpServer) -> None:
    async with remote(server.url) as one:
        server.misbehaviour = "hang"
        cut = await asyncio.gather(*(one.call(ANN, seconds=0.5) for _ in range(2)))
        assert cut == [Cut(CutBy.TIMEOUT)] * 2
        refused = await one.call(BOB)
        assert isinstance(refused, NotSent)
        assert "failed 2 times in a row" in refused.detail
        assert len(server.calls) == 2
        assert not one.source.available


async def test_nothing_is_sent_to_an_address_where_nobody_listens() -> None:
    async with remote("http://127.0.0.1:9/mcp") as one:
        assert not one.source.available
        outcome = await one.call(ANN)
        assert isinstance(outcome, NotSent)
        assert outcome.error_class is ErrorClass.SERVER_UNAVAILABLE


def test_no_two_keys_become_one_header() -> None:
    keys = ["t/c/1", "t/c/é", "t/c/ü", "t/c/a\r\nb", "t/c/a\n\nb", "x" * 1_001, "x" * 1_002]
    requests = [ToolRequest("t", {}, 0.0, Caller("t", "c"), key) for key in keys]
    sent = [call_headers("Idempotency-Key", request)["idempotency-key"] for request in requests]
    assert sent[0] == "t/c/1"
    assert len(set(sent)) == len(keys)
    assert all(one.isascii() and one.isprintable() and len(one) <= 1_000 for one in sent)
