"""Who is plugged into whom: which messages does the inbox react to, with what?"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from contracts.conversations import ConversationRated, MessageReceived, SendMessage
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
from hil_inbox.adapters.customer_documents import CustomerDocuments
from hil_inbox.adapters.customer_tokens import CustomerTokens
from hil_inbox.adapters.key_wakes import KeyWakes
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.api.answers import add_error_answers
from hil_inbox.api.approvals import approval_routes
from hil_inbox.api.body_limit import BodyLimit
from hil_inbox.api.chat import chat_routes
from hil_inbox.api.chat_office import CHAT_BODY_BYTES_MAX, ChatOffice, ChatRates, add_chat_refusals
from hil_inbox.api.chat_page import chat_page_routes
from hil_inbox.api.conversations import conversation_routes
from hil_inbox.api.handover_commands import handover_command_routes
from hil_inbox.api.handovers import handover_routes
from hil_inbox.api.office import Office
from hil_inbox.handlers.customer_chat import ChatDesk
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
    MessageReceived,
    ConversationRated,
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


def chat_office(
    settings: Settings, connection: Connection, views: ViewStore, *, stop: asyncio.Event
) -> ChatOffice | None:
    """The customers' side; None where no secret is set for it."""
    if settings.chat_secret is None:
        return None
    key_file = settings.chat_customer_public_key_file
    tokens = CustomerTokens(
        settings.chat_secret,
        settings.chat_tenants.split(","),
        settings.chat_session_seconds,
        draw=lambda: secrets.token_hex(16),
        customer_secret=settings.chat_customer_secret,
        customer_public_key=None if key_file is None else key_file.read_text(),
    )
    desk = ChatDesk(
        log=WholeLog(Log(connection), Archive(connection)),
        documents=CustomerDocuments(views.store),
        wakes=KeyWakes(connection),
        publish=partial(publish, connection),
        name_of=_no_name,
        now_ms=_now_ms,
    )
    rates = ChatRates.of(
        sessions_per_minute=settings.chat_sessions_per_minute, messages_per_minute=settings.chat_messages_per_minute
    )
    return ChatOffice(
        desk,
        tokens,
        rates,
        stop,
        lets_strangers_in=settings.chat_anonymous,
        proxies_trusted=settings.chat_proxies_trusted,
        workflow=settings.chat_workflow,
    )


def chat_app(office: ChatOffice, origins: str) -> FastAPI:
    """What customers reach, on a port of its own: the chat's API and page."""
    allowed = [origin for origin in origins.split(",") if origin]
    app = FastAPI(title=f"{SERVICE} chat", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit, bytes_max=CHAT_BODY_BYTES_MAX)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=allowed,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
        expose_headers=["Retry-After"],
    )
    add_error_answers(app)
    add_chat_refusals(app)
    app.include_router(chat_routes(office))
    app.include_router(chat_page_routes(allowed))
    return app


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
    desk = Desk(log, StateCache(settings.keys_cached_max), now_ms=_now_ms)
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
    http = http_app(office)
    add_health(http, {"bus": lambda: connection.ready, "consumers": lambda: commands.running and events.running})
    chat = chat_office(settings, connection, views, stop=stop)
    async with asyncio.TaskGroup() as group:
        group.create_task(commands.run(stop))
        group.create_task(events.run(stop))
        group.create_task(serve_http(http, host=settings.http_host, port=settings.http_port, stop=stop))
        if chat is not None:
            customers = chat_app(chat, settings.chat_origins)
            group.create_task(serve_http(customers, host=settings.http_host, port=settings.chat_port, stop=stop))
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


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _no_name(_tenant: str, _person_id: str) -> str | None:
    return None
