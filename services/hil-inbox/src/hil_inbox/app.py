"""Who is plugged into whom: which messages does the inbox react to, with what?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from contracts.conversations import SendMessage
from contracts.envelope import Message
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
)
from contracts.streams import HIL_INBOX_COMMANDS, HIL_INBOX_EVENTS, LOG
from document_store import DocumentStore, open_store
from hil_inbox.adapters.ack_floor import ack_floor
from hil_inbox.adapters.live_subjects import live_heard, tell_live
from hil_inbox.adapters.log_pass import LogPass
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.api.answers import add_error_answers
from hil_inbox.api.approvals import approval_routes
from hil_inbox.api.body_limit import BodyLimit
from hil_inbox.api.conversations import conversation_routes
from hil_inbox.api.feed import feed_routes
from hil_inbox.api.handover_commands import handover_command_routes
from hil_inbox.api.handovers import handover_routes
from hil_inbox.api.live import live_routes
from hil_inbox.api.office import Office
from hil_inbox.api.queue import queue_routes
from hil_inbox.domain.feed_ring import FeedRing
from hil_inbox.handlers.count_queue import QueueCounts
from hil_inbox.handlers.fan_out import FanOut
from hil_inbox.handlers.follow_feed import Feed
from hil_inbox.handlers.project import Projector
from hil_inbox.handlers.settle_command import Desk, settle_delivery
from hil_inbox.settings import Settings
from pii import redact
from service_kit.archive import Archive, WholeLog
from service_kit.bus import Consumer, Order, Routes, publish
from service_kit.connection import Connection, connect_options, connected
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.tasks import end_task
from service_kit.telemetry import configure_logs, configure_traces

SERVICE = "hil-inbox"
PUBLISHES: tuple[type[Message], ...] = (
    HandoverClaimed,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    HandoverRefused,
    ApprovalDecided,
    SendMessage,
)


def command_routes(desk: Desk) -> Routes:
    """What desktops ask for over the bus."""
    return dict.fromkeys(HIL_INBOX_COMMANDS.types, partial(settle_delivery, desk=desk))


def event_routes(projector: Projector) -> Routes:
    """What the documents are made of."""
    return dict.fromkeys(HIL_INBOX_EVENTS.types, projector)


def application(settings: Settings) -> tuple[FastStream, NatsBroker]:
    """The FastStream application: its connection, and its publishers for the AsyncAPI document. Delivery and fenced
    writes go through the service kit on the same connection (STYLE 5)."""
    broker = NatsBroker(settings.nats_url.split(","), **connect_options(SERVICE), logger=None)
    for kind in PUBLISHES:
        broker.publisher(
            f"{kind.route.type}.{{tenant}}.{{key}}", schema=kind, title=kind.__name__, description=kind.__doc__
        )
    app = FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE, version="1"))
    return app, broker


def http_app(office: Office) -> FastAPI:
    """The REST API."""
    app = FastAPI(title=SERVICE, version="1")
    app.add_middleware(BodyLimit)
    add_error_answers(app)
    for router in (
        handover_routes(office),
        handover_command_routes(office),
        conversation_routes(office),
        approval_routes(office),
    ):
        app.include_router(router)
    return app


def live_feed(settings: Settings, connection: Connection, log: WholeLog) -> Feed:
    """One pass over the log, and what subscribers read of it."""
    ring = FeedRing(settings.feed_events_max, settings.feed_bytes_max)
    fan_out = FanOut(log, LogPass(connection, HIL_INBOX_EVENTS, LOG), ring, views_max=settings.keys_cached_max)
    return Feed(
        fan_out,
        heartbeat_seconds=settings.feed_heartbeat_seconds,
        subscribers_max=settings.feed_subscribers_max,
        subscribers_per_actor_max=settings.feed_subscribers_per_actor_max,
    )


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop`; `ready` is set once the consumers run."""
    configure_logs(SERVICE, level=settings.log_level, redact=redact)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redact)
    app, broker = application(settings)
    if not await _started(app, stop):
        return
    async with _connected(app, broker, settings) as connection, _opened(settings.store_url) as store:
        await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
        for spec in (HIL_INBOX_COMMANDS, HIL_INBOX_EVENTS):
            await ensure_consumer(connection.jetstream, spec, stream=LOG)
        views = ViewStore(store)
        await views.prepare()
        await _run(settings, connection, views, stop=stop, ready=ready)


async def _run(
    settings: Settings, connection: Connection, views: ViewStore, *, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    log = WholeLog(Log(connection), Archive(connection))
    desk = Desk(
        log,
        StateCache(settings.keys_cached_max),
        now_ms=lambda: time.time_ns() // 1_000_000,
        publish=partial(publish, connection),
    )
    projector = Projector(log, views, views_max=settings.keys_cached_max)
    office = Office(
        views=views,
        desk=desk,
        publish=partial(publish, connection),
        read_floor=partial(ack_floor, connection.jetstream, HIL_INBOX_EVENTS, stream=LOG),
    )
    consumer = partial(Consumer, order=Order.BY_KEY, concurrency=settings.concurrency, trace_ratio=settings.trace_ratio)
    commands = consumer(connection, HIL_INBOX_COMMANDS, command_routes(desk))
    events = consumer(connection, HIL_INBOX_EVENTS, event_routes(projector))
    feed = live_feed(settings, connection, log)
    http = http_app(office)
    http.include_router(feed_routes(feed))
    http.include_router(queue_routes(office, QueueCounts(views.store, office.read_floor)))
    http.include_router(live_routes(partial(tell_live, connection), desk.now_ms))
    add_health(http, {"bus": lambda: connection.ready, "consumers": lambda: commands.running and events.running})
    async with live_heard(connection, feed.hear, desk.now_ms), asyncio.TaskGroup() as group:
        group.create_task(commands.run(stop))
        group.create_task(feed.fan_out.run(stop))
        group.create_task(events.run(stop))
        group.create_task(serve_http(http, host=settings.http_host, port=settings.http_port, stop=stop))
        ready.set()
        await stop.wait()


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
