"""Which MCP server over HTTP demands a key of each caller, hangs, breaks off and redirects when asked to?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.mcp_counter import answer

KEYS = {"project-key": "", "key-of-ann": "ann", "key-of-bob": "bob"}


@dataclass
class RemoteMcpServer:
    """`calls` are (entity, tool, idempotency key) of all that came in; `misbehaviour` is how the next end."""

    url: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    misbehaviour: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    tool_description: str = "Who is calling."
    tools_more: tuple[str, ...] = ()
    who: Callable[[Mapping[str, str]], str | None] = lambda headers: KEYS.get(headers.get("x-api-key", ""))
    """Who calls with these headers; None is refused with 401."""
    sessions_crossed: int = 0
    """Calls in a session that was opened with the credentials of somebody else."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        entity = self.who(request.headers)
        if entity is None:
            return web.Response(status=401, text="who are you?")
        if request.method != "POST":
            return web.Response(status=405)
        body = await request.json()
        session = request.headers.get("mcp-session-id")
        match body["method"]:
            case "server/discover":
                return self._said(body, {"error": {"code": -32601, "message": "no such method"}})
            case "initialize":
                self.sessions[session := f"s{len(self.sessions)}"] = entity
                result = answer("initialize", body["params"])
                return self._said(body, {"result": result}, {"mcp-session-id": session})
            case _ if session not in self.sessions:
                return web.Response(status=404)
            case "tools/list":
                return self._said(body, {"result": {"tools": self._tools()}})
            case "tools/call":
                return await self._called(request, body, entity)
        return web.Response(status=202)

    def _tools(self) -> list[dict[str, Any]]:
        schema = {"type": "object", "properties": {"text": {"type": "string"}}}
        names = ("whoami", *self.tools_more)
        return [{"name": name, "description": self.tool_description, "inputSchema": schema} for name in names]

    async def _called(self, request: web.Request, body: dict[str, Any], entity: str) -> web.StreamResponse:
        self.sessions_crossed += self.sessions[request.headers["mcp-session-id"]] != entity
        self.calls.append((entity, body["params"]["name"], request.headers.get("idempotency-key", "")))
        match self.misbehaviour:
            case "hang":
                await self.released.wait()
            case "break":
                assert request.transport is not None
                request.transport.abort()
            case "redirect":
                return web.Response(status=307, headers={"location": "http://127.0.0.2:1/mcp"})
            case "flood":
                return web.Response(body=b"x" * (17 * 1024 * 1024), content_type="application/json")
            case "html":
                return web.Response(text="<p>hello</p>", content_type="text/html")
            case "huge":
                return self._said(body, {"result": {"content": [], "structuredContent": {"number": 2**70}}})
            case "nonsense":
                return web.Response(text="{", content_type="application/json")
            case status if status.isdigit():
                return web.Response(status=int(status))
        text = str(body["params"]["arguments"].get("text", ""))
        return self._said(body, {"result": {"content": [{"type": "text", "text": f"{entity}:{text}"}]}})

    def _said(self, body: dict[str, Any], rest: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": body.get("id"), **rest}, headers=headers)


@asynccontextmanager
async def remote_mcp_server() -> AsyncIterator[RemoteMcpServer]:
    """Served in this event loop."""
    server = RemoteMcpServer()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/mcp", server.handle)
    async with served(app) as base_url:
        server.url = f"{base_url}/mcp"
        try:
            yield server
        finally:
            server.released.set()


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """The base URL of an application on a free port of loopback."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
