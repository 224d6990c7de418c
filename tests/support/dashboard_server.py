"""What do the dashboards talk to in their own tests? Analytics' own routes over a store in a file, without a bus."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from analytics.adapters.figure_store import FigureStore
from analytics.api.doorkeeper import House
from analytics.api.figures import Desk
from analytics.api.gate import add_gate
from analytics.api.live import live_routes
from analytics.app import http_app
from analytics.domain.rollup import Settled
from analytics.handlers.count_messages import Arrived, CountMessages
from analytics.handlers.newest_count import NewestCount
from document_store import open_store
from tests.support.dashboard_traffic import Told, Traffic
from tests.support.kit import TENANT

BATCH = 2_000


@dataclass
class DashboardServer:
    """The state that a test sets up and looks at. `answers` stand before the routes, by method and path."""

    now_ms: int
    traffic: Traffic = field(default_factory=Traffic)
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _figures: FigureStore | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def settled(self) -> Settled:
        return Settled("log", self.traffic.sequence)

    def count(self, told: Sequence[Told]) -> None:
        """Messages come in and are counted, as from the bus."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._count(told), self._loop).result(timeout=60)

    async def _count(self, told: Sequence[Told]) -> None:
        assert self._figures is not None
        count = CountMessages(self._figures, self._none_settled, on_counted=lambda _: None)
        for start in range(0, len(told), BATCH):
            await count.count([Arrived(TENANT, key, entry) for key, entry in told[start : start + BATCH]])

    async def _none_settled(self) -> Settled:
        """A floor under which nothing is counted yet, or what comes would look like a repeat."""
        return Settled("log", 0)

    async def run(self, folder: Path, server: uvicorn.Server, app: FastAPI) -> None:
        self._loop = asyncio.get_running_loop()
        store = await open_store(f"sqlite:///{folder}/figures.sqlite3")
        self._figures = FigureStore(store)
        await self._figures.prepare()
        desk = Desk(self._figures, self.settled, now_ms=lambda: time.time_ns() // 1_000_000)
        app.mount("/", self.app(desk))
        await server.serve()
        await store.close()

    def app(self, desk: Desk) -> FastAPI:
        app = http_app(desk)
        app.include_router(live_routes(NewestCount(self.settled, time.monotonic), asyncio.Event()))

        @app.middleware("http")
        async def before(request: Request, following: Any) -> Response:
            if request.url.path.startswith("/v1/") and request.method == "POST":
                self.asked.append((request.url.path, json.loads(await request.body())))
            given = self.answers.get(f"{request.method} {request.url.path}")
            return await following(request) if given is None else JSONResponse(given[1], status_code=given[0])

        add_gate(app, None, House())
        return app


@contextlib.contextmanager
def dashboard_server(folder: Path, *, days: int = 2, every_ms: int = 300_000) -> Iterator[DashboardServer]:
    """A running server on a free port of loopback, with traffic up to now; `days` 0 is an empty store."""
    outer = FastAPI()
    state = DashboardServer(now_ms=time.time_ns() // 1_000_000, traffic=Traffic(every_ms=every_ms))
    running = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = Thread(target=lambda: asyncio.run(state.run(folder, running, outer)), daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    state.port = running.servers[0].sockets[0].getsockname()[1]
    state.count(list(state.traffic.until(state.now_ms, days=days)))
    yield state
    running.should_exit = True
    running.force_exit = True
    thread.join(timeout=10)
