"""What became of one HTTP request: was it sent, was it answered, with what status?

The MCP client tells its callers of every broken request in the same words, and one that is broken in an unexpected way
ends the session with all other calls in it. This transport stands below it: it turns what breaks into answers that the
client gives to the one call, and writes down what happened for whoever set `FATE` around the call."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import httpx2
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

BODY_BYTES_MAX = 16 * 1024 * 1024
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@dataclass(slots=True)
class Fate:
    """Of one call. `headers` are sent with it; `status` is 0 while there is no answer."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    status: int = 0
    not_sent: str = ""
    broken: str = ""
    unusable: str = ""


FATE: ContextVar[Fate | None] = ContextVar("FATE", default=None)


class FateTransport(httpx2.AsyncBaseTransport):
    """Plain HTTP/1.1 without proxies of the environment, redirects of its own, or compressed answers."""

    def __init__(self, connections_max: int) -> None:
        limits = httpx2.Limits(max_connections=connections_max, max_keepalive_connections=connections_max)
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Never raises for a POST."""
        request.headers["accept-encoding"] = "identity"
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        fate = FATE.get() or Fate()
        request.headers.update(fate.headers)
        try:
            response = await self._inner.handle_async_request(request)
            fate.status = response.status_code
            return await _read(response, request, fate)
        except _NOT_SENT as error:
            fate.not_sent = f"cannot be reached ({type(error).__name__})"
            return _refusal(request, fate.not_sent)
        except (httpx2.TransportError, httpx2.StreamError) as error:
            fate.broken = f"broke the connection ({type(error).__name__})"
            return _refusal(request, fate.broken)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _read(response: httpx2.Response, request: httpx2.Request, fate: Fate) -> httpx2.Response:
    """The answer with its whole body, within limits; a stream of events as it is, for the client limits each."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.headers.get("content-encoding", "identity") != "identity":
        fate.unusable = "its answer is compressed, which was not asked for"
    elif response.is_success and kind not in ("application/json", "text/event-stream", ""):
        fate.unusable = f"its answer is {kind[:100]!r}, not JSON"
    elif kind == "text/event-stream" or response.has_redirect_location:
        return response
    body = b"" if fate.unusable else await _body(response, fate)
    if response.is_success and kind == "application/json" and not _is_message(body):
        fate.unusable = fate.unusable or "its answer is no message of the protocol"
    await response.aclose()
    if fate.unusable:
        return _refusal(request, fate.unusable)
    headers = {
        name: value for name, value in response.headers.items() if name not in ("content-length", "transfer-encoding")
    }
    return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


async def _body(response: httpx2.Response, fate: Fate) -> bytes:
    parts, size = [], 0
    stream = response.stream
    assert isinstance(stream, httpx2.AsyncByteStream)
    async for part in stream:
        size += len(part)
        if size > BODY_BYTES_MAX:
            fate.unusable = f"its answer is over the limit of {BODY_BYTES_MAX} bytes"
            return b""
        parts.append(part)
    return b"".join(parts)


def _is_message(body: bytes) -> bool:
    """The client would write what it cannot read into the log."""
    try:
        jsonrpc_message_adapter.validate_json(body, by_name=False)
    except ValidationError:
        return False
    return True


def _refusal(request: httpx2.Request, text: str) -> httpx2.Response:
    """In the form in which the client looks for an error of the one call."""
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": text}}
    return httpx2.Response(502, json=body, request=request)
