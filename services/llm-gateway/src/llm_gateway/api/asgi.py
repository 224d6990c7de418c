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
from llm_gateway.api.errors import GATE_CLOSED, ApiError, error_of
from llm_gateway.api.read_request import Asked, BadRequest, read_chat, read_embeddings
from llm_gateway.domain.call import Completed, NotCompleted
from llm_gateway.handlers.embed import Embedded, embed
from llm_gateway.handlers.engine import complete
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.stream_completion import stream_completion
from service_kit.telemetry import handling, places_of, received_traceparent, root_traceparent

log = structlog.get_logger()
BODY_BYTES_MAX = 8 * 1024 * 1024
_READ_SECONDS_MAX = 30.0
_JSON, _EVENTS = b"application/json", b"text/event-stream; charset=utf-8"
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_BUSY = ApiError(
    503, "too many requests in flight; ask again", type="api_error", code="overloaded", retry_after_seconds=1
)
_METHODS = {"/v1/chat/completions": "POST", "/v1/embeddings": "POST", "/v1/models": "GET"}
_SCOPES: dict[str, KeyScope] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings", "/v1/models": "models"}


class _Refused(Exception):
    """There will be no answer; `error` says why."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class _Gone(Exception):
    """The client is not there any more."""


@dataclass(slots=True)
class OpenAiApi:
    """`/v1/…` here; health, metrics and administration by `rest`."""

    gateway: Gateway
    keys: ApiKeys
    rest: App
    concurrency: int
    trace_ratio: float
    _in_flight: int = field(default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            return await self.rest(scope, receive, send)
        request_id = f"req_{secrets.token_hex(12)}"
        answer = _Answer(send, request_id)
        try:
            await self._answered(scope, receive, answer)
        except _Refused as refused:
            await answer.send_error(refused.error)
        except BadRequest as bad:
            await answer.send_error(bad.error)
        except GateClosed:
            await answer.send_error(GATE_CLOSED)
        except _Gone:
            log.info("http.client_gone", request_id=request_id)
        except Exception as error:
            log.error("http.bug", request_id=request_id, error=type(error).__name__, at=places_of(error))
            await answer.send_error(ApiError(500, f"a fault of the gateway; request {request_id}", type="api_error"))

    async def _answered(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        path, headers = scope["path"], dict(scope["headers"])
        caller = self._caller(scope, headers)
        if path == "/v1/models":
            return await answer.send_json(_models(self.gateway))
        if self._in_flight >= self.concurrency:
            raise _Refused(_BUSY)
        content = await _body(headers, receive)
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
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(made.vectors)]
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
        raise _Refused(error_of(made))

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> KeyEntry:
        path = scope["path"]
        if path not in _METHODS:
            raise _Refused(ApiError(404, f"{path[:100]} is unknown; known: {', '.join(_METHODS)}", code="not_found"))
        if scope["method"] != _METHODS[path]:
            raise _Refused(ApiError(405, f"{scope['method']} {path}: use {_METHODS[path]}", code="method_not_allowed"))
        if not self.keys.configured:
            hint = "no keys are configured: make one with `hil llm key create` and set LLM_GATEWAY_API_KEYS_FILE"
            raise _Refused(ApiError(401, hint, code="invalid_api_key"))
        caller = self.keys.caller(headers.get(b"authorization", b"").decode("latin-1"))
        if caller is None:
            raise _Refused(
                ApiError(401, "send `Authorization: Bearer <key>` with a key of this gateway", code="invalid_api_key")
            )
        if _SCOPES[path] not in caller.scopes or caller.tenant == "*":
            raise _Refused(ApiError(403, f"key {caller.name!r} may not use {path}", type="permission_error"))
        return caller


@dataclass(slots=True)
class _Answer:
    """What goes back to the client."""

    send: Send
    request_id: str
    started: bool = False

    async def send_json(self, body: object, headers: "list[tuple[bytes, bytes]] | None" = None) -> None:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        await self._start(200, [(b"content-length", b"%d" % len(content)), *(headers or ())], _JSON)
        await self.send({"type": "http.response.body", "body": content})

    async def send_error(self, error: ApiError) -> None:
        if self.started:  # Too late for a status: the stream ends with an error instead of [DONE].
            return await self.end_events(error.body)
        headers = [(b"content-length", b"%d" % len(error.body))]
        if error.retry_after_seconds is not None:
            headers.append((b"retry-after", b"%d" % max(round(error.retry_after_seconds + 0.5), 1)))
        await self._start(error.status, headers, _JSON)
        await self.send({"type": "http.response.body", "body": error.body})

    async def send_event(self, data: bytes) -> None:
        if not self.started:
            await self._start(200, [(b"cache-control", b"no-cache")], _EVENTS)
        await self.send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})

    async def end_events(self, data: bytes) -> None:
        await self.send_event(data)
        await self.send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]], content_type: bytes) -> None:
        self.started = True
        whole = [(b"content-type", content_type), (b"x-request-id", self.request_id.encode()), *headers]
        await self.send({"type": "http.response.start", "status": status, "headers": whole})


async def _while_connected(receive: Receive, work: Awaitable[None]) -> None:
    """Do the work unless the client goes away: then it is cancelled, up to the provider, and counted. Raises _Gone."""
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
        raise _Gone from None
    finally:
        watching.cancel()


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole request body. Raises _Refused when it is too long or too slow, _Gone."""
    length = headers.get(b"content-length", b"")
    too_long = ApiError(413, f"body: is over the limit of {BODY_BYTES_MAX} bytes; send less", code="body_too_large")
    if length.isdigit() and (len(length) > 18 or int(length) > BODY_BYTES_MAX):
        raise _Refused(too_long)
    message = await receive()  # uvicorn has a small body ready, and then no timer is needed.
    body = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= BODY_BYTES_MAX:
        return bytes(body)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READ_SECONDS_MAX):
            while True:
                if message["type"] == "http.disconnect":
                    raise _Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_BYTES_MAX:
                    raise _Refused(too_long)
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
    except TimeoutError:
        raise _Refused(ApiError(408, f"body: did not arrive within {_READ_SECONDS_MAX:g} s")) from None


def _facts(made: Completed) -> list[tuple[bytes, bytes]]:
    record = made.record
    return [
        (b"x-hil-cost-microdollars", b"%d" % record.cost_microdollars),
        (b"x-hil-model", (record.model or "").encode("latin-1", "replace")),
        (b"x-hil-cache", record.cache.encode()),
    ]


def _models(gateway: Gateway) -> dict[str, JsonValue]:
    """Profiles and models, as OpenAI lists models."""
    names = [*gateway.table.profiles, *gateway.table.models]
    listed: list[JsonValue] = [{"id": name, "object": "model", "created": 0, "owned_by": "hil"} for name in names]
    return {"object": "list", "data": listed}
