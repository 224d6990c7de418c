"""Who is plugged into whom: which messages does analytics count, into which store?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from analytics.adapters.figure_store import FigureStore
from analytics.adapters.settled_through import log_created, settled_through
from analytics.api.errors import add_error_answers
from analytics.api.figures import Desk, figure_routes
from analytics.api.query import query_routes
from analytics.handlers.count_messages import CountMessages
from analytics.handlers.metrics import Metrics
from analytics.settings import Settings
from contracts.streams import ANALYTICS, LOG
from document_store import DocumentStore, open_store
from pii import redact
from service_kit.bus import Consumer, Routes
from service_kit.connection import Connection, connect_options, connected
from service_kit.health import add_health, serve_http
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.tasks import end_task
from service_kit.telemetry import configure_logs, configure_traces

SERVICE = "analytics"


def routes(count: CountMessages) -> Routes:
    """Every fact of the log that has a figure."""
    return dict.fromkeys(ANALYTICS.types, count)


def application(settings: Settings) -> tuple[FastStream, NatsBroker]:
    """The FastStream application. Analytics publishes nothing yet; delivery goes through the service kit on the same
    connection (STYLE 5)."""
    broker = NatsBroker(settings.nats_url.split(","), **connect_options(SERVICE), logger=None)
    return FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE, version="1")), broker


def http_app(desk: Desk) -> FastAPI:
    """The REST API."""
    app = FastAPI(title=SERVICE, version="1")
    add_error_answers(app)
    app.include_router(figure_routes(desk))
    app.include_router(query_routes(desk))
    return app


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop`; `ready` is set once the consumer runs."""
    configure_logs(SERVICE, level=settings.log_level, redact=redact)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redact)
    app, broker = application(settings)
    if not await _started(app, stop):
        return
    async with _connected(app, broker, settings) as connection, _opened(settings.store_url) as store:
        await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
        await ensure_consumer(connection.jetstream, ANALYTICS, stream=LOG)
        figures = FigureStore(store)
        await figures.prepare()
        await _run(settings, connection, figures, stop=stop, ready=ready)


async def _run(
    settings: Settings, connection: Connection, figures: FigureStore, *, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    log = await log_created(connection.jetstream, LOG)
    read_settled = partial(settled_through, connection.jetstream, ANALYTICS, stream=LOG, log=log)
    count = CountMessages(figures, read_settled, on_counted=Metrics())
    consumer = Consumer(
        connection, ANALYTICS, routes(count), concurrency=settings.batch_max, trace_ratio=settings.trace_ratio
    )
    http = http_app(Desk(figures, read_settled, now_ms=lambda: time.time_ns() // 1_000_000))
    add_health(http, {"bus": lambda: connection.ready, "consumer": lambda: consumer.running})
    async with asyncio.TaskGroup() as group:
        counting = group.create_task(count.run())
        consuming = group.create_task(consumer.run(stop))
        consuming.add_done_callback(lambda _: counting.cancel())  # What is in hand is counted first.
        group.create_task(serve_http(http, host=settings.http_host, port=settings.http_port, stop=stop))
        ready.set()


async def _started(app: FastStream, stop: asyncio.Event) -> bool:
    """Start the FastStream application, which waits for NATS as long as it takes; False if `stop` came first."""
    starting, stopping = asyncio.create_task(app.start()), asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    await end_task(starting)
    return False


@asynccontextmanager
async def _connected(app: FastStream, broker: NatsBroker, settings: Settings) -> AsyncIterator[Connection]:
    """The kit's view of the started application's connection; the application is stopped at the end."""
    try:
        async with connected(settings.nats_url, service=SERVICE, client=broker.connection) as connection:
            yield connection
    finally:
        await app.stop()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[DocumentStore]:
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()
