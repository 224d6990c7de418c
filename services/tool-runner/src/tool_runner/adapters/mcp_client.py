"""How is an MCP server kept running and called, when it may hang or die at any moment?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field

import structlog
from mcp import Client, MCPError
from pydantic import ValidationError

from tool_runner.adapters.mcp_process import Launch, spawned
from tool_runner.adapters.mcp_session import McpSession, list_tools
from tool_runner.domain.breaker import HEALTHY, BreakerPolicy, Health
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.outcome import Cut, ErrorClass, NotSent, TryOutcome
from tool_runner.domain.tool_request import ToolRequest

log = structlog.get_logger()

STABLE_SECONDS = 1.0
"""A server that ends by itself sooner than this after its start has failed to start."""

OnTools = Callable[[str, list[ListedTool]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one server. `concurrency` 1 fits servers that answer one call after the other: what waits here is
    surely not sent, and survives the death of the server."""

    concurrency: int = 1
    start_seconds_max: float = 20.0
    result_bytes_max: int = 1_048_576
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class McpServer:
    """One supervised server process with one open session."""

    def __init__(self, name: str, launch: Launch, limits: ServerLimits, on_tools: OnTools) -> None:
        self.name = name
        self.settled = asyncio.Event()
        """Set after the first start, successful or not."""
        self._launch = launch
        self._limits = limits
        self._on_tools = on_tools
        self._health: Health = HEALTHY
        self._session: McpSession | None = None
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(limits.concurrency)

    @property
    def available(self) -> bool:
        """True while a session is open."""
        return self._session is not None

    @property
    def process_id(self) -> int | None:
        """Of the running server; also the id of its process group."""
        return None if self._session is None else self._session.process.process.pid

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the server running until `stop` is set."""
        while not stop.is_set():
            problem = await self._live(stop)
            if stop.is_set():
                break
            now = time.monotonic()
            if problem is not None:
                self._health = self._health.after_failure(self._limits.breaker, now)
            delay = self._health.restart_delay(self._limits.breaker, now)
            log.warning(
                "tool_server.ended",
                server=self.name,
                reason=problem,
                failures=self._health.failures,
                restart_seconds=round(delay, 3),
            )
            self._tell()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await stop.wait()

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; at `request.until` the server is killed. `starting` is awaited when nothing stands between
        the call and the server any more; what it raises, nothing was sent."""
        until = request.until
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._slots.acquire()
        except TimeoutError:
            return NotSent(ErrorClass.TIMEOUT, f"{self.name} was busy until the deadline; the call was not made")
        try:
            while time.monotonic() < until:
                session = await self._wait_for_session(until)
                if isinstance(session, NotSent):
                    return session
                await starting()
                if session.usable and time.monotonic() < until:
                    return await self._exchange(session, request)
            return NotSent(ErrorClass.TIMEOUT, f"no time was left for a call of {self.name}; the call was not made")
        finally:
            self._slots.release()

    async def _wait_for_session(self, until: float) -> McpSession | NotSent:
        while True:
            now = time.monotonic()
            if self._session is not None and self._session.usable:
                return self._session
            if self._health.is_open(now):
                failures = self._health.failures
                detail = f"{self.name} failed {failures} times in a row; the call was not made"
                return NotSent(ErrorClass.SERVER_UNAVAILABLE, detail)
            if now >= until:
                detail = f"{self.name} was not up before the deadline; the call was not made"
                return NotSent(ErrorClass.SERVER_UNAVAILABLE, detail)
            with suppress(TimeoutError):
                async with asyncio.timeout(until - now):
                    await self._changed.wait()

    async def _exchange(self, session: McpSession, request: ToolRequest) -> TryOutcome:
        outcome = await session.exchange(request.tool, request.arguments, until=request.until)
        if isinstance(outcome, Cut):
            self._count_cut(session)
        else:
            self._health = HEALTHY
        return outcome

    def _count_cut(self, session: McpSession) -> None:
        """One failure for each session that was cut, however many calls it had in hand."""
        if not session.cut:
            session.cut = True
            self._health = self._health.after_failure(self._limits.breaker, time.monotonic())

    async def _live(self, stop: asyncio.Event) -> str | None:
        """One life of the server; why it was none, None if it was of use. Cut calls are counted where they are cut."""
        started = time.monotonic()
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._limits.start_seconds_max):
                    process = await stack.enter_async_context(spawned(self._launch))
                    client = await stack.enter_async_context(Client(nullcontext(process.streams)))
                    listed = await list_tools(client)
                await self._on_tools(self.name, listed)
                session = self._open(McpSession(client, process, self._limits.result_bytes_max))
                await _first_of(process.exited, stop)
                self._session = None
        except (OSError, TimeoutError, MCPError, RuntimeError, ValidationError, ExceptionGroup) as error:
            return f"{type(error).__name__}: {error}"[:500]
        finally:
            self._session = None
            self.settled.set()
            self._tell()
        lived = time.monotonic() - started
        return None if session.cut or lived > STABLE_SECONDS else f"ended by itself after {lived:.1f} s"

    def _open(self, session: McpSession) -> McpSession:
        self._session = session
        self.settled.set()
        self._tell()
        log.info("tool_server.up", server=self.name, protocol=session.client.protocol_version)
        return session

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
