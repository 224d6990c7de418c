"""Is this process alive, and can it do its work?"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service_kit.bounded_http import BoundedHttp

Check = Callable[[], bool]


def add_liveness(app: FastAPI) -> None:
    """`/healthz` alone: for a port that strangers reach."""

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}


def add_health(app: FastAPI, checks: Mapping[str, Check]) -> None:
    """`/healthz` answers while the event loop runs, `/readyz` when every check holds (else 503 and which do not),
    `/metrics` in Prometheus's text format."""
    add_liveness(app)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        results = {name: check() for name, check in checks.items()}
        return JSONResponse(results, status_code=200 if all(results.values()) else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class _Server(uvicorn.Server):
    """Says when it listens. Signals belong to the process that hosts the service, not to its HTTP server."""

    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(app: Any, *, host: str, port: int, stop: asyncio.Event, listening: asyncio.Event) -> None:
    """Serve an ASGI application until `stop` is set, then let running requests end for at most 5 s. `listening` is
    set once a connection would be accepted."""
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # Nothing here asks who the client is, so nobody need be believed.
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    server = _Server(config, listening)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
