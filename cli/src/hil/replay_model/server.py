"""How is the replay model reached: an OpenAI-compatible HTTP server on loopback."""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from pydantic import JsonValue, ValidationError

from hil.replay_model.answer_request import TaskPlayer, answer_request
from hil.replay_model.answers import Answer, Cut, HttpError, Malformed, Never, Reply
from hil.replay_model.request import ChatRequest
from hil.replay_model.script import Script
from hil.replay_model.wire import completion_body, completion_events, error_body, within_limit

LABEL = {"x-hil-replayed": "true"}
_BODY_BYTES_MAX = 8 * 1024 * 1024
_REQUESTS_KEPT = 1000


_BEFORE_CUT_SECONDS = 0.05
"""So that a client has read what was sent, and sees the cut within it."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; `headers` are lower-cased."""

    body: dict[str, JsonValue]
    headers: dict[str, str]


@dataclass(slots=True)
class ReplayModel:
    """`async with ReplayModel(Script([Rule(text="hello")])) as model: ... model.url` (ends in `/v1`)."""

    script: Script = field(default_factory=Script)
    player: TaskPlayer | None = None
    port: int = 0
    delay_seconds: float = 0.0
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=_REQUESTS_KEPT))
    _runner: web.AppRunner | None = None

    @property
    def model(self) -> str:
        return f"replay/{self.player.domain.name if self.player else 'script'}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> str:
        """Listen on `port` (0: a free one, kept over a stop and a start); returns the base URL."""
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._complete),
                web.get("/v1/models", self._list_models),
                web.get("/healthz", self._health),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _list_models(self, _: web.Request) -> web.Response:
        models: list[JsonValue] = [{"id": self.model, "object": "model", "created": 0, "owned_by": "hil"}]
        return web.json_response({"object": "list", "data": models}, headers=LABEL)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers=LABEL)

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await http.read())
            request = ChatRequest.model_validate(body)
        except (ValueError, ValidationError) as error:
            return _error(HttpError(400, f"not a chat completion request: {error}"))
        headers = {name.lower(): value for name, value in http.headers.items()}
        self.received.append(Received(body, headers))
        answer, delay_seconds = answer_request(request, self.script, self.player)
        await asyncio.sleep(self.delay_seconds + delay_seconds)
        return await self._send(http, request, answer)

    async def _send(self, http: web.Request, request: ChatRequest, answer: Answer) -> web.StreamResponse:
        match answer:
            case HttpError():
                return _error(answer)
            case Malformed():
                return web.Response(text=answer.body, content_type="application/json", headers=LABEL)
            case Never():
                await asyncio.Event().wait()
                raise AssertionError("nobody sets this event")
            case Cut():
                return await self._stream(http, request, answer.reply, bytes_max=answer.after_bytes)
            case Reply() if request.stream:
                return await self._stream(http, request, answer)
            case Reply():
                return web.json_response(self._body(request, answer), headers=LABEL)

    def _body(self, request: ChatRequest, reply: Reply) -> dict[str, JsonValue]:
        return completion_body(request, within_limit(request, reply), model=self.model, created=int(time.time()))

    async def _stream(
        self, http: web.Request, request: ChatRequest, reply: Reply, *, bytes_max: int | None = None
    ) -> web.StreamResponse:
        """Send the pieces; `bytes_max` breaks the connection within them, streamed or not."""
        if request.stream:
            pieces = list(
                completion_events(request, within_limit(request, reply), model=self.model, created=int(time.time()))
            )
            response = web.StreamResponse(headers={**LABEL, "content-type": "text/event-stream"})
        else:
            pieces = [json.dumps(self._body(request, reply)).encode()]
            response = web.StreamResponse(headers={**LABEL, "content-type": "application/json"})
            response.content_length = len(pieces[0])
        await response.prepare(http)
        left = bytes_max if bytes_max is not None else sum(map(len, pieces))
        for piece in pieces:
            await response.write(piece[:left])
            left -= min(left, len(piece))
        if bytes_max is not None and http.transport is not None:
            await asyncio.sleep(_BEFORE_CUT_SECONDS)
            http.transport.close()
            return response
        await response.write_eof()
        return response


def _error(error: HttpError) -> web.Response:
    headers = dict(LABEL)
    if error.retry_after_seconds is not None:
        headers["retry-after"] = f"{error.retry_after_seconds:g}"
    return web.json_response(error_body(error.status, error.message), status=error.status, headers=headers)
