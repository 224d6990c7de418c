"""How is an operation of an HTTP API called as a tool?"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx2
import orjson
from pydantic import JsonValue

from tool_runner.adapters.address_guard import AddressGuard, call_headers
from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.openapi_operations import operations_of
from tool_runner.adapters.openapi_request import Prepared, Refused, prepared
from tool_runner.adapters.remote_session import CONNECT_SECONDS_MAX, not_made
from tool_runner.adapters.tool_sources import OpenApi
from tool_runner.domain.manifest import ListedTool, ServerRules
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.tool_request import ToolRequest

TIMEOUTS = {"timeout": {"connect": CONNECT_SECONDS_MAX, "pool": CONNECT_SECONDS_MAX, "read": None, "write": None}}
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_OF_A_PROXY = (502, 503, 504)
"""Said by what stands before the server, which does not know what the server did."""


class OpenApiServer:
    """The operations of one document, below one base URL. Redirects are not followed."""

    def __init__(self, rules: ServerRules, source: OpenApi, limits: ServerLimits) -> None:
        self.name = rules.name
        self._rules, self._source, self._limits = rules, source, limits
        reserved = frozenset(source.headers)
        self._operations = operations_of(source.document, reserved_headers=reserved)
        self._guard = AddressGuard(rules.name, limits)
        # No client above it: a client keeps cookies, and would send those of one caller with the call of another.
        bounds = httpx2.Limits(max_connections=limits.concurrency)
        self._http = httpx2.AsyncHTTPTransport(trust_env=False, limits=bounds)

    @property
    def available(self) -> bool:
        """True while calls are tried at once."""
        return not self._guard.is_open

    def listed(self) -> list[ListedTool]:
        """One tool for each operation."""
        return [operation.tool for operation in self._operations.values()]

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; see McpServer.call."""
        try:
            ready = prepared(self._operations[request.tool], request.arguments, base_url=self._source.base_url)
        except Refused as problem:
            return NotSent(ErrorClass.INVALID_ARGUMENTS, str(problem))
        return await self._guard.call(request, lambda: self._tried(ready, request, starting))

    async def _tried(
        self, ready: Prepared, request: ToolRequest, starting: Callable[[], Awaitable[None]]
    ) -> TryOutcome:
        rules = self._rules.tools.get(request.tool, self._rules.defaults)
        theirs = {name.lower(): value for name, value in request.headers.items()}
        own = call_headers(rules.idempotency_header, request)
        headers = {**ready.headers, "accept": "application/json", "accept-encoding": "identity"}
        headers |= self._source.headers | theirs | own
        await starting()
        try:
            async with asyncio.timeout(request.until - time.monotonic()):
                return await self._exchange(
                    httpx2.Request(ready.method, ready.url, headers=headers, content=ready.body, extensions=TIMEOUTS)
                )
        except TimeoutError:
            return Cut(CutBy.TIMEOUT)
        except _NOT_SENT as error:
            detail = f"{self.name} cannot be reached ({type(error).__name__}); the call was not made"
            return NotSent(ErrorClass.SERVER_UNAVAILABLE, detail)
        except (httpx2.TransportError, httpx2.StreamError):
            return Cut(CutBy.SERVER_DEATH)

    async def _exchange(self, request: httpx2.Request) -> TryOutcome:
        response = await self._http.handle_async_request(request)
        try:
            status = response.status_code
            if status in (401, 403, 429) and (refused := not_made(status)) is not None:
                return refused
            if status in _OF_A_PROXY:
                return Cut(CutBy.SERVER_DEATH)
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._limits.result_bytes_max:
                    return Unusable(f"its answer is over the limit of {self._limits.result_bytes_max} bytes")
            result = _result(response, bytes(body))
        finally:
            await response.aclose()
        if isinstance(result, Unusable) or response.is_success:
            return result if isinstance(result, Unusable) else Answered(result, is_error=False)
        return Answered({"status": status, "answer": result}, is_error=True)


def _result(response: httpx2.Response, body: bytes) -> JsonValue | Unusable:
    if response.headers.get("content-encoding", "identity") != "identity":
        return Unusable("its answer is compressed, which was not asked for")
    if not body:
        return None
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json" or kind.endswith("+json"):
            value: JsonValue = orjson.loads(body)
            return value
        return body.decode("utf-8")
    except ValueError:
        return Unusable(f"its answer is not the {kind[:100] or 'text'} that it should be")
