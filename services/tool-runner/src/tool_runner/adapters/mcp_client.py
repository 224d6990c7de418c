"""How is a tool of an MCP server called, when the server may hang, lie or die at any moment?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field

import anyio
import orjson
import structlog
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, CallToolResult, TextContent
from mcp_types import Tool as McpTool
from pydantic import JsonValue, ValidationError

from tool_runner.adapters.mcp_process import Launch, McpProcess, spawned
from tool_runner.domain.breaker import HEALTHY, BreakerPolicy, Health
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, TryOutcome, Unusable

log = structlog.get_logger()

PAGES_MAX = 100
STABLE_SECONDS = 1.0
"""A server that ends by itself sooner than this after its start has failed to start."""
MESSAGE_CHARACTERS_MAX = 2_000

OnTools = Callable[[str, list[ListedTool]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of one server. `concurrency` 1 fits servers that answer one call after the other: what waits here is
    surely not sent, and survives the death of the server."""

    concurrency: int = 1
    start_seconds_max: float = 20.0
    result_bytes_max: int = 1_048_576
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


@dataclass(slots=True)
class _Session:
    client: Client
    process: McpProcess
    cut: bool = False

    @property
    def usable(self) -> bool:
        return not self.cut and not self.process.exited.is_set()


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
        self._session: _Session | None = None
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

    async def call(
        self, tool: str, arguments: Mapping[str, JsonValue], *, until: float, starting: Callable[[], Awaitable[None]]
    ) -> TryOutcome:
        """Make one call. `until` is a time of `time.monotonic`; at that time the server is killed. `starting` is
        awaited when nothing stands between the call and the server any more; what it raises, nothing was sent."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._slots.acquire()
        except TimeoutError:
            return NotSent(ErrorClass.TIMEOUT, f"{self.name} was busy until the deadline; the call was not made")
        try:
            while True:
                session = await self._wait_for_session(until)
                if isinstance(session, NotSent):
                    return session
                await starting()
                if session.usable and time.monotonic() < until:
                    return await self._exchange(session, tool, arguments, until=until)
        finally:
            self._slots.release()

    async def _wait_for_session(self, until: float) -> _Session | NotSent:
        while True:
            now = time.monotonic()
            if self._session is not None and self._session.usable and now < until:
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

    async def _exchange(
        self, session: _Session, tool: str, arguments: Mapping[str, JsonValue], *, until: float
    ) -> TryOutcome:
        answer = asyncio.ensure_future(session.client.session.call_tool(tool, dict(arguments)))
        try:
            await asyncio.wait({answer}, timeout=until - time.monotonic())
            if not answer.done():
                self._count_cut(session)
                session.process.kill()
                return Cut(CutBy.TIMEOUT)
            outcome = self._outcome_of(answer)
        finally:
            answer.cancel()
            await asyncio.wait({answer}, timeout=5.0)
        if isinstance(outcome, Cut):
            self._count_cut(session)
        else:
            self._health = HEALTHY
        return outcome

    def _outcome_of(self, answer: "asyncio.Future[CallToolResult]") -> TryOutcome:
        try:
            result = result_of(answer.result())
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                return Cut(CutBy.SERVER_DEATH)
            return Answered({"error": error.message[:MESSAGE_CHARACTERS_MAX], "code": error.code}, is_error=True)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return Cut(CutBy.SERVER_DEATH)
        except (RuntimeError, ValidationError) as error:  # The SDK's words for an answer that breaks the protocol.
            return Unusable(f"its answer is not what its server declares ({type(error).__name__})")
        size = len(orjson.dumps(result.result))
        if size > self._limits.result_bytes_max:
            return Unusable(f"its answer of {size} bytes is over the limit of {self._limits.result_bytes_max}")
        return result

    def _count_cut(self, session: _Session) -> None:
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
                    listed = await _list_tools(client)
                await self._on_tools(self.name, listed)
                session = self._open(_Session(client, process))
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

    def _open(self, session: _Session) -> _Session:
        self._session = session
        self.settled.set()
        self._tell()
        log.info("tool_server.up", server=self.name, protocol=session.client.protocol_version)
        return session

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def result_of(result: CallToolResult) -> Answered:
    """Structured content where there is some, a single text as it is, else the list of content blocks."""
    if result.structured_content is not None:
        return Answered(result.structured_content, result.is_error)
    if len(result.content) == 1 and isinstance(result.content[0], TextContent):
        return Answered(result.content[0].text, result.is_error)
    blocks: list[JsonValue] = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
    return Answered(blocks, result.is_error)


async def _list_tools(client: Client) -> list[ListedTool]:
    tools: list[ListedTool] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        tools += [_listed(tool) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


def _listed(tool: McpTool) -> ListedTool:
    return ListedTool(tool.name, tool.description or "", tool.input_schema, tool.output_schema)


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
