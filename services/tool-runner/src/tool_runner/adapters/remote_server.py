"""How is an MCP server at an address kept in reach and called, with a session for each credential?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

from tool_runner.adapters.address_guard import AddressGuard, call_headers
from tool_runner.adapters.http_fate import Fate
from tool_runner.adapters.mcp_client import OnTools, ServerLimits
from tool_runner.adapters.remote_session import RemoteSession, SessionLost, Unreachable
from tool_runner.adapters.tool_sources import RemoteMcp
from tool_runner.domain.manifest import ServerRules
from tool_runner.domain.outcome import Cut, ErrorClass, NotSent, Refusal, TryOutcome
from tool_runner.domain.tool_request import ToolRequest

log = structlog.get_logger()

LIST_SECONDS = 60.0
"""A server that changes its tools is noticed after this."""
IDLE_SECONDS = 300.0

_Credential = tuple[tuple[str, str], ...]


class RemoteServer:
    """One address. Listing uses the installation's own headers; a call those of its caller over them."""

    def __init__(self, rules: ServerRules, source: RemoteMcp, limits: ServerLimits, on_tools: OnTools) -> None:
        self.name = rules.name
        self.settled = asyncio.Event()
        """Set after the first try to list its tools, successful or not."""
        self._rules, self._source, self._limits = rules, source, limits
        self._on_tools = on_tools
        self._guard = AddressGuard(rules.name, limits)
        self._listed = False
        self._sessions: dict[_Credential, RemoteSession] = {}
        self._retired: list[RemoteSession] = []
        """Broken ones that still have calls in hand."""
        self._opening: dict[_Credential, asyncio.Lock] = {}

    @property
    def available(self) -> bool:
        """True while calls are tried at once."""
        return self._listed and not self._guard.is_open

    @property
    def sessions_open(self) -> int:
        """Sessions that are kept, those that end among them."""
        return len(self._sessions) + len(self._retired)

    async def run(self, stop: asyncio.Event) -> None:
        """List its tools, again and again, until `stop` is set; then close all sessions."""
        while not stop.is_set():
            delay = await self._list()
            self.settled.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await stop.wait()
            await self._close_idle()
        await asyncio.gather(*(session.close() for session in (*self._sessions.values(), *self._retired)))

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; see McpServer.call. What is given up at `request.until` goes on at the server, which the
        outcome says."""
        return await self._guard.call(request, lambda: self._tried(request, starting))

    async def _tried(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Once more where the server has forgotten the session: then it surely has not made the call."""
        for _ in range(2):
            try:
                session = await self._session(self._source.headers | _lower(request.headers), until=request.until)
            except Unreachable as problem:
                detail = f"{self.name}: {problem}; the call was not made"
                return problem.refusal or NotSent(ErrorClass.SERVER_UNAVAILABLE, detail)
            session.in_hand += 1
            try:
                await starting()
                if time.monotonic() >= request.until:
                    return NotSent(ErrorClass.TIMEOUT, f"no time was left for a call of {self.name}")
                rules = self._rules.tools.get(request.tool, self._rules.defaults)
                fate = Fate(call_headers(rules.idempotency_header, request))
                outcome = await session.exchange(request.tool, request.arguments, fate=fate, until=request.until)
                refused = isinstance(outcome, NotSent) and outcome.refusal is Refusal.CREDENTIALS
                session.broken = session.broken or refused or isinstance(outcome, Cut)
                return outcome
            except SessionLost:
                session.broken = True
            finally:
                session.in_hand -= 1
                session.used_at = time.monotonic()
        return NotSent(
            ErrorClass.SERVER_UNAVAILABLE, f"{self.name} forgets its sessions at once; the call was not made"
        )

    async def _session(self, headers: Mapping[str, str], *, until: float) -> RemoteSession:
        """An open session of these headers. Raises Unreachable."""
        credential = tuple(sorted((name.lower(), value) for name, value in headers.items()))
        lock = self._opening.setdefault(credential, asyncio.Lock())
        try:
            async with lock:
                session = self._sessions.get(credential)
                if session is not None and session.usable:
                    return session
                await self._make_room(credential)
                session = RemoteSession(self._source.url, headers, self._limits.concurrency + 2)
                session.used_at = time.monotonic()
                await session.open(until=min(until, time.monotonic() + self._limits.start_seconds_max))
                self._sessions[credential] = session
                return session
        finally:
            if not lock.locked():
                self._opening.pop(credential, None)

    async def _make_room(self, credential: _Credential) -> None:
        """Close what is of no more use, and the sessions that were used the longest ago over the limit."""
        if (broken := self._sessions.pop(credential, None)) is not None:
            self._retired.append(broken)
        await self._close_idle()
        idle = sorted((one for one in self._sessions.items() if not one[1].in_hand), key=lambda one: one[1].used_at)
        for old, session in idle[: max(len(self._sessions) - self._source.sessions_max + 1, 0)]:
            self._sessions.pop(old, None)
            await session.close()

    async def _close_idle(self) -> None:
        now = time.monotonic()
        for credential, session in list(self._sessions.items()):
            if not session.usable or (not session.in_hand and now - session.used_at > IDLE_SECONDS):
                self._retired.append(self._sessions.pop(credential))
        over = [session for session in self._retired if not session.in_hand]
        self._retired = [session for session in self._retired if session.in_hand]
        await asyncio.gather(*(session.close() for session in over))

    async def _list(self) -> float:
        """Seconds until it is to be done again."""
        seconds_max = self._limits.start_seconds_max
        try:
            session = await self._session(self._source.headers, until=time.monotonic() + seconds_max)
            session.used_at = time.monotonic()
            try:
                listed = await session.listed(seconds_max=seconds_max)
            except Unreachable:
                session.broken = True
                raise
            await self._on_tools(self.name, listed)
        except (Unreachable, TimeoutError) as problem:
            delay = self._guard.count_failure()
            log.warning("tool_server.unreachable", server=self.name, reason=str(problem), retry_seconds=round(delay, 3))
            return delay
        if not self._listed:
            log.info("tool_server.up", server=self.name)
        self._listed = True
        return LIST_SECONDS


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
