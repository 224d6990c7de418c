"""How do clients of OpenAI's API get their answers? Bare ASGI: a framework would cost more than a call."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from pydantic import JsonValue

from cost_gate import GateClosed
from llm_gateway.adapters.api_keys import ApiKeys, KeyEntry
from llm_gateway.adapters.api_keys import Scope as KeyScope
from llm_gateway.api.errors import GATE_CLOSED, ApiError, Refused, error_of
from llm_gateway.api.read_body import BodyReader, Gone, Message, Receive
from llm_gateway.api.read_request import Asked, read_chat, read_embeddings
from llm_gateway.api.vectors import as_asked
from llm_gateway.domain.call import Completed, NotCompleted
from llm_gateway.handlers.embed import Embedded, embed
from llm_gateway.handlers.engine import complete
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.stream_completion import stream_completion
from service_kit.telemetry import handling, places_of, received_traceparent, root_traceparent

log = structlog.get_logger()
_ADMIN_BYTES_MAX = 64 * 1024
_JSON, _EVENTS = b"application/json", b"text/event-stream; charset=utf-8"
Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_BUSY = ApiError(
    503, "too many requests in flight; ask again", type="api_error", code="overloaded", retry_after_seconds=1
)
_METHODS = {"/v1/chat/completions": "POST", "/v1/embeddings": "POST", "/v1/models": "GET"}
# Without /v1 before it, one of ours is a base URL that lacks it.
_OURS = ("/v1/", "/admin/", *(path.removeprefix("/v1") for path in _METHODS))
_SCOPES: dict[str, KeyScope] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings", "/v1/models": "models"}


@dataclass(slots=True)
class OpenAiApi:
    """`/v1/…` here; health, metrics and administration by `rest`."""

    gateway: Gateway
    keys: ApiKeys
    rest: App
    concurrency: int
    trace_ratio: float
    stalled_seconds_max: float
    bodies: BodyReader = field(default_factory=BodyReader)
    _in_flight: int = field(default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_OURS):
            return await self.rest(scope, receive, send)
        answer = _Answer(send, f"req_{secrets.token_hex(12)}", self.stalled_seconds_max)
        try:
            if not scope["path"].startswith("/admin/"):
                return await self._answered(scope, receive, answer)
            receive = await self._received(scope, receive)
        except Exception as error:
            return await _tell(error, answer)
        await self.rest(scope, receive, send)

    async def _received(self, scope: Scope, receive: Receive) -> Receive:
        """The framework would read a body of any length, whoever sends it."""
        body = await self.bodies.read(dict(scope["headers"]), receive, bytes_max=_ADMIN_BYTES_MAX)
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def received() -> Message:
            return whole.pop() if whole else await receive()

        return received

    async def _answered(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        path, headers = scope["path"], dict(scope["headers"])
        caller = self._caller(scope, headers)
        if path.startswith("/v1/models"):
            return await answer.send_json(_models(self.gateway, path.removeprefix("/v1/models").removeprefix("/")))
        if self._in_flight >= self.concurrency:
            raise Refused(_BUSY)
        content = await self.bodies.read(headers, receive)
        read = read_chat if path == "/v1/chat/completions" else read_embeddings
        asked = read(content, headers, caller, answer.request_id)
        self._in_flight += 1
        try:
            traceparent = received_traceparent(headers.get(b"traceparent", b"").decode("latin-1"))
            traceparent = traceparent or root_traceparent(answer.request_id, ratio=self.trace_ratio)
            with handling(f"POST {path}", traceparent, {"http.route": path, "hil.request_id": answer.request_id}):
                await _while_connected(receive, self._perform(path, asked, answer))
        finally:
            self._in_flight -= 1

    async def _perform(self, path: str, asked: Asked, answer: "_Answer") -> None:
        if path == "/v1/embeddings":
            await self._embed(asked, answer)
        elif asked.stream:
            async with aclosing(stream_completion(asked.call, self.gateway)) as items:
                await self._stream(asked, items, answer)
        else:
            await self._complete(asked, answer)

    async def _complete(self, asked: Asked, answer: "_Answer") -> None:
        made = await complete(asked.call, self.gateway)
        if isinstance(made, NotCompleted):
            await self._refuse(asked, made)
        assert isinstance(made, Completed)
        body = {**made.answer.raw, "model": made.answer.model or asked.call.profile}
        if made.record.cache != "none":
            body["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        await answer.send_json(body, _facts(made))

    async def _embed(self, asked: Asked, answer: "_Answer") -> None:
        made = await embed(asked.call, self.gateway)
        if isinstance(made, NotCompleted):
            await self._refuse(asked, made)
        assert isinstance(made, Embedded)
        vectors = [as_asked(vector, asked.call.body.get("encoding_format")) for vector in made.vectors]
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)]
        tokens = made.record.tokens_input
        body = {
            "object": "list",
            "data": data,
            "model": made.record.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        await answer.send_json(body, [(b"x-hil-cost-microdollars", b"%d" % made.record.cost_microdollars)])

    async def _stream(
        self, asked: Asked, items: AsyncGenerator[dict[str, JsonValue] | Completed | NotCompleted], answer: "_Answer"
    ) -> None:
        """Nothing is sent before the first chunk, so that a refusal has its status. A stream that breaks off ends with
        an error event and without `[DONE]`."""
        async for item in items:
            if isinstance(item, dict):
                await answer.send_event(orjson.dumps(item))
            elif isinstance(item, Completed):
                await answer.end_events(b"[DONE]")
            elif answer.started:
                await answer.end_events(error_of(item).body)
            else:
                await self._refuse(asked, item)

    async def _refuse(self, asked: Asked, made: NotCompleted) -> None:
        """A spent budget is told to those whom it concerns, then the client."""
        if made.over_budget is not None:
            announced = self.gateway.announcer.announcement(asked.call, made.over_budget)
            if announced is not None:
                await self.gateway.publish(*announced)
        raise Refused(error_of(made))

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> KeyEntry:
        path = "/v1/models" if scope["path"].startswith("/v1/models/") else scope["path"]
        if path not in _METHODS:
            hint = "let the base URL end in /v1; " if f"/v1{path}" in _METHODS else ""
            known = ", ".join(_METHODS)
            raise Refused(ApiError(404, f"{path[:100]!r} is unknown; {hint}known: {known}", code="not_found"))
        if (method := _METHODS[path]) != scope["method"]:
            asked = f"{scope['method'][:20]} {path}"
            raise Refused(ApiError(405, f"{asked}: use {method}", code="method_not_allowed", allow=method))
        if not self.keys.configured:
            hint = "no keys are configured: make one with `hil llm key create` and set LLM_GATEWAY_API_KEYS_FILE"
            raise Refused(ApiError(401, hint, code="invalid_api_key"))
        caller = self.keys.caller(headers.get(b"authorization", b"").decode("latin-1"))
        if caller is None:
            raise Refused(
                ApiError(401, "send `Authorization: Bearer <key>` with a key of this gateway", code="invalid_api_key")
            )
        if _SCOPES[path] not in caller.scopes or caller.tenant == "*":
            raise Refused(ApiError(403, f"key {caller.name!r} may not use {path}", type="permission_error"))
        return caller


@dataclass(slots=True)
class _Answer:
    """What goes back to the client."""

    send: Send
    request_id: str
    stalled_seconds_max: float
    started: bool = False

    async def send_json(self, body: object, headers: "list[tuple[bytes, bytes]] | None" = None) -> None:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        await self._start(200, [(b"content-length", b"%d" % len(content)), *(headers or ())], _JSON)
        await self.send({"type": "http.response.body", "body": content})

    async def send_error(self, error: ApiError) -> None:
        if self.started:  # Too late for a status: the stream ends with an error instead of [DONE].
            return await self.end_events(error.body)
        headers = [(b"content-length", b"%d" % len(error.body)), *error.headers]
        await self._start(error.status, headers, _JSON)
        await self.send({"type": "http.response.body", "body": error.body})

    async def send_event(self, data: bytes) -> None:
        """Raises Gone where nobody has taken what was sent before for too long: a provider's connection and held money
        hang on it."""
        if not self.started:
            await self._start(200, [(b"cache-control", b"no-cache")], _EVENTS)
        try:
            async with asyncio.timeout(self.stalled_seconds_max):
                await self.send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})
        except TimeoutError:
            raise Gone from None

    async def end_events(self, data: bytes) -> None:
        await self.send_event(data)
        await self.send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]], content_type: bytes) -> None:
        self.started = True
        whole = [(b"content-type", content_type), (b"x-request-id", self.request_id.encode()), *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": whole})


async def _tell(error: Exception, answer: _Answer) -> None:
    """Say why there is no answer, if anybody still listens."""
    match error:
        case Refused():
            await answer.send_error(error.error)
        case GateClosed():
            await answer.send_error(GATE_CLOSED)
        case Gone():
            log.info("http.client_gone", request_id=answer.request_id)
        case _:
            log.error("http.bug", request_id=answer.request_id, error=type(error).__name__, at=places_of(error))
            text = f"a fault of the gateway; request {answer.request_id}"
            await answer.send_error(ApiError(500, text, type="api_error", code="internal_error"))


async def _while_connected(receive: Receive, work: Awaitable[None]) -> None:
    """Do the work unless the client goes away: then it is cancelled, up to the provider, and counted. Raises Gone."""
    gone = False
    working = asyncio.current_task()
    assert working is not None

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            continue
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not gone:
            raise
        working.uncancel()
        raise Gone from None
    finally:
        watching.cancel()


def _facts(made: Completed) -> list[tuple[bytes, bytes]]:
    record = made.record
    return [
        (b"x-hil-cost-microdollars", b"%d" % record.cost_microdollars),
        (b"x-hil-model", (record.model or "").encode("latin-1", "replace")),
        (b"x-hil-cache", record.cache.encode()),
    ]


def _models(gateway: Gateway, name: str) -> dict[str, JsonValue]:
    """Profiles and models as OpenAI lists models, or the one of this name. Raises Refused."""
    names = [*gateway.table.profiles, *gateway.table.models]
    described: dict[str, JsonValue] = {
        one: {"id": one, "object": "model", "created": 0, "owned_by": "hil"} for one in names
    }
    if not name:
        return {"object": "list", "data": list(described.values())}
    found = described.get(name)
    if not isinstance(found, dict):
        known = ", ".join(names)[:500]
        raise Refused(ApiError(404, f"model: {name[:100]!r} is not one of: {known}", code="model_not_found"))
    return found
