"""How does one session with an MCP server over HTTP live, and how is one call sent over it?"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult
from pydantic import ValidationError

from service_kit.tasks import end_task
from tool_runner.adapters.http_fate import BODY_BYTES_MAX, FATE, Fate, FateTransport
from tool_runner.adapters.mcp_session import MESSAGE_CHARACTERS_MAX, list_tools, result_of, sent_call
from tool_runner.domain.manifest import Json, ListedTool
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, Refusal, TryOutcome, Unusable

CONNECT_SECONDS_MAX = 10.0
_BROKEN = (anyio.ClosedResourceError, anyio.BrokenResourceError)


class Unreachable(Exception):
    """No session could be opened; the text says why. `refusal` is what the server said to these credentials."""

    def __init__(self, text: str, refusal: NotSent | None = None) -> None:
        super().__init__(text)
        self.refusal = refusal


class SessionLost(Exception):
    """The server does not know the session any more; the call was surely not made."""


@dataclass(slots=True)
class RemoteSession:
    """An open session. It lives in a task of its own, as the client's scopes must be left where they were entered."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    connections_max: int
    in_hand: int = 0
    used_at: float = 0.0
    broken: bool = False
    _client: Client | None = None
    _task: "asyncio.Task[None] | None" = None
    _leave: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, *, until: float) -> None:
        """Raises Unreachable, at `until` at the latest."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fate = Fate()
        token = FATE.set(fate)
        self._task = asyncio.create_task(self._live(opened, fate))
        FATE.reset(token)
        await asyncio.wait({opened}, timeout=max(until - time.monotonic(), 0.0))
        if not opened.done():
            await self.close()
            raise Unreachable("did not answer in time")
        opened.result()

    @property
    def usable(self) -> bool:
        return not self.broken and self._task is not None and not self._task.done()

    async def close(self) -> None:
        """End the session; the server is told, if it takes no more than a second."""
        self.broken = True
        self._leave.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=1.0)
            await end_task(self._task)

    async def listed(self, *, seconds_max: float) -> list[ListedTool]:
        """Raises Unreachable."""
        assert self._client is not None
        try:
            async with asyncio.timeout(seconds_max):
                return await list_tools(self._client)
        except (*_BROKEN, MCPError, TimeoutError, ValidationError, RuntimeError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error

    async def exchange(self, tool: str, arguments: Json, *, fate: Fate, until: float) -> TryOutcome:
        """Send one call and wait for its answer. Raises SessionLost."""
        assert self._client is not None
        token = FATE.set(fate)
        try:
            answer = asyncio.ensure_future(sent_call(self._client, tool, arguments))
        finally:
            FATE.reset(token)
        try:
            await asyncio.wait({answer}, timeout=until - time.monotonic())
            return _outcome_of(answer, fate) if answer.done() else Cut(CutBy.TIMEOUT)
        finally:
            answer.cancel()
            await asyncio.wait({answer}, timeout=5.0)

    async def _live(self, opened: "asyncio.Future[None]", fate: Fate) -> None:
        try:
            async with (
                httpx2.AsyncClient(
                    transport=FateTransport(self.connections_max),
                    headers=dict(self.headers),
                    timeout=httpx2.Timeout(CONNECT_SECONDS_MAX, read=None),  # A call's deadline is its own.
                    trust_env=False,
                ) as http,
                Client(
                    streamable_http_client(self.url, http_client=http, max_sse_event_size=BODY_BYTES_MAX), cache=None
                ) as client,
            ):
                self._client = client
                _settle(opened, None)
                await self._leave.wait()
        except (MCPError, httpx2.HTTPError, OSError, RuntimeError, ValidationError, ExceptionGroup) as error:
            _settle(opened, Unreachable(_reason(error), not_made(fate.status)))
        finally:
            self.broken = True
            _settle(opened, Unreachable("ended"))


def _settle(opened: "asyncio.Future[None]", problem: Unreachable | None) -> None:
    if opened.done():
        return
    if problem is None:
        opened.set_result(None)
        return
    opened.set_exception(problem)
    opened.exception()  # Whoever waited may be gone; nobody has to be told twice.


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]


def _outcome_of(answer: "asyncio.Future[CallToolResult]", fate: Fate) -> TryOutcome:
    try:
        result = result_of(answer.result())
    except MCPError as error:
        return _outcome_of_error(error, fate)
    except _BROKEN:
        return Cut(CutBy.SERVER_DEATH)
    except (RuntimeError, ValidationError) as error:
        return Unusable(f"its answer is not what the protocol asks for ({type(error).__name__})")
    return result


def _outcome_of_error(error: MCPError, fate: Fate) -> TryOutcome:
    if fate.not_sent:
        return NotSent(ErrorClass.SERVER_UNAVAILABLE, f"its server {fate.not_sent}; the call was not made")
    if fate.unusable:
        return Unusable(fate.unusable)
    if fate.broken or error.code == CONNECTION_CLOSED or fate.status == 0 or fate.status >= 500:
        return Cut(CutBy.SERVER_DEATH)
    if (refused := not_made(fate.status)) is not None:
        return refused
    if fate.status == 404:
        raise SessionLost
    return Answered({"error": error.message[:MESSAGE_CHARACTERS_MAX], "code": error.code}, is_error=True)


def not_made(status: int) -> NotSent | None:
    """What a status says of a call that was surely not made."""
    match status:
        case 401 | 403:
            return NotSent(
                ErrorClass.DENIED,
                f"its server refuses the credentials ({status}); connect the account again",
                Refusal.CREDENTIALS if status == 401 else None,
            )
        case 429:
            detail = "its server takes no more calls for now (429)"
            return NotSent(ErrorClass.SERVER_UNAVAILABLE, detail, Refusal.RATE)
        case _ if 300 <= status < 400:
            return NotSent(
                ErrorClass.SERVER_UNAVAILABLE, f"its server redirects to another place ({status}), not followed"
            )
    return None
