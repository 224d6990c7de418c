"""Who is plugged into whom: which messages does the inbox react to, with what?"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from contracts.conversations import (
    AnnounceMessage,
    ConversationRated,
    MessageReceived,
    SendMessage,
    UnsendMessage,
)
from contracts.envelope import Message
from contracts.handover_clocks import (
    ApprovalDelivered,
    HandoverBreached,
    HandoverDelivered,
    HandoverSnoozed,
    HandoverWoken,
)
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
)
from contracts.notes import NoteAdded
from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_COMMANDS, HIL_INBOX_EVENTS, LOG
from contracts.suggestions import RequestSuggestion, SuggestionSettled
from document_store import DocumentStore, opened_store
from hil_inbox.adapters.ack_floor import ack_floor
from hil_inbox.adapters.clock_timer import clock_timers
from hil_inbox.adapters.live_subjects import live_heard
from hil_inbox.adapters.oidc_client import OidcClient, oidc_http
from hil_inbox.adapters.oidc_file import load_provider
from hil_inbox.adapters.queues_file import load_queues
from hil_inbox.adapters.saved_views import SavedViewStore
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.adapters.tool_descriptions import ToolDescriptions
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.adapters.word_index import WordIndex
from hil_inbox.api.agents import agent_routes
from hil_inbox.api.answers import add_error_answers
from hil_inbox.api.approvals import approval_routes
from hil_inbox.api.chat_app import chat_app
from hil_inbox.api.conversations import conversation_routes
from hil_inbox.api.floor import Floor
from hil_inbox.api.gate import House, add_gate, staff_room
from hil_inbox.api.handover_commands import handover_command_routes
from hil_inbox.api.handovers import handover_routes
from hil_inbox.api.me import me_routes
from hil_inbox.api.office import Office
from hil_inbox.api.open_chat import open_chat
from hil_inbox.api.open_feed import add_feed, open_feed
from hil_inbox.api.open_floor import Ground, open_floor
from hil_inbox.api.queues import canned_reply_routes, queue_routes
from hil_inbox.api.replies import reply_routes
from hil_inbox.api.saved_views import saved_view_routes
from hil_inbox.api.search import search_routes
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.domain.queues import Queues
from hil_inbox.domain.sessions import Lifetimes
from hil_inbox.handlers.ask_rating import AskRating
from hil_inbox.handlers.index_words import Indexer
from hil_inbox.handlers.keep_clocks import ClockKeeper
from hil_inbox.handlers.measure import measured
from hil_inbox.handlers.project import Projector
from hil_inbox.handlers.settle_command import Desk, settle_delivery
from hil_inbox.handlers.sweep import sweep_until
from hil_inbox.page.routes import page_routes
from hil_inbox.settings import Settings, listed
from pii import redact
from service_kit.application import connected_as, started
from service_kit.archive import Archive, WholeLog
from service_kit.bus import Consumer, Order, Routes, publish
from service_kit.connection import Connection, connect_options
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces

SERVICE = "hil-inbox"
PUBLISHES: tuple[type[Message], ...] = (
    HandoverClaimed,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    HandoverRefused,
    ApprovalDecided,
    ApprovalDelivered,
    HandoverDelivered,
    HandoverBreached,
    HandoverSnoozed,
    HandoverWoken,
    NoteAdded,
    SuggestionSettled,
    SendMessage,
    UnsendMessage,
    AnnounceMessage,
    RequestSuggestion,
    MessageReceived,
    ConversationRated,
)


def command_routes(desk: Desk) -> Routes:
    """What desktops ask for over the bus."""
    return dict.fromkeys(HIL_INBOX_COMMANDS.types, partial(settle_delivery, desk=desk))


def event_routes(projector: Projector, asking: AskRating) -> Routes:
    """What the documents are made of; what a person finished is asked about, too."""
    return {**dict.fromkeys(HIL_INBOX_EVENTS.types, projector), HandoverResolved: asking}


def clock_routes(keeper: ClockKeeper) -> Routes:
    """What starts, stops or ends a clock."""
    return dict.fromkeys(HIL_INBOX_CLOCKS.types, keeper)


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


def http_app(office: Office, room: StaffRoom, house: House, floor: Floor) -> FastAPI:
    """The REST API, closed to all but principals (doorkeeper.py). Routers are searched in turn: the busiest first."""
    app = FastAPI(title=SERVICE, version="1", docs_url=None, redoc_url=None)
    add_error_answers(app)
    for router in (
        handover_command_routes(office),
        handover_routes(office),
        reply_routes(office),
        conversation_routes(office),
        approval_routes(office, floor.queues),
        page_routes(),
        me_routes(floor),
        agent_routes(floor, room),
        queue_routes(floor, room),
        canned_reply_routes(floor),
    ):
        app.include_router(router)
    add_gate(app, room, house)
    return app


def clock_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the store holds: what people see, and the people; and the queues that the file declares."""

    store: DocumentStore
    views: ViewStore
    words: WordIndex
    staff: StaffRoom
    queues: Queues


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop`; `ready` is set once the consumers run."""
    configure_logs(SERVICE, level=settings.log_level, redact=redact)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redact)
    oidc = None if settings.oidc_file is None else load_provider(settings.oidc_file)
    queues = load_queues(settings.queues_file)
    app, broker = application(settings)
    if not await started(app, stop):
        return
    async with (
        connected_as(app, broker.connection, url=settings.nats_url, service=SERVICE) as connection,
        opened_store(settings.store_url) as store,
        oidc_http() as http,
    ):
        await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
        for spec in (HIL_INBOX_COMMANDS, HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS):
            await ensure_consumer(connection.jetstream, spec, stream=LOG)
        views = ViewStore(store)
        await views.prepare()
        words = WordIndex(store)
        await words.prepare()
        client = None if oidc is None else OidcClient(oidc, settings.oidc_client_secret or None, http, clock_ms)
        lifetimes = Lifetimes(int(settings.session_hours * 3_600_000), int(settings.session_idle_minutes * 60_000))
        room = staff_room(store, lifetimes=lifetimes, now_ms=clock_ms, oidc=client)
        await room.prepare()
        await _run(settings, connection, Rooms(store, views, words, room, queues), stop=stop, ready=ready)


def office_of(settings: Settings, connection: Connection, views: ViewStore, log: WholeLog) -> Office:
    """What routes need to answer commands and to show documents."""
    sending = partial(publish, connection)
    return Office(
        views=views,
        tools=ToolDescriptions(connection.jetstream),
        desk=Desk(log, StateCache(settings.keys_cached_max), now_ms=clock_ms, publish=sending),
        publish=sending,
        read_floor=partial(ack_floor, connection.jetstream, HIL_INBOX_EVENTS, stream=LOG),
        undo_ms=settings.undo_ms,
    )


async def _run(
    settings: Settings, connection: Connection, rooms: Rooms, *, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    views, room = rooms.views, rooms.staff
    log = WholeLog(Log(connection), Archive(connection))
    office = office_of(settings, connection, views, log)
    desk = office.desk
    consumer = partial(
        Consumer,
        order=Order.BY_KEY,
        concurrency=settings.concurrency,
        trace_ratio=settings.trace_ratio,
        proves_completeness=settings.stream_replicas == 1,
    )
    commands = consumer(connection, HIL_INBOX_COMMANDS, command_routes(desk))
    house = House(settings.public_url, listed(settings.allowed_hosts), listed(settings.proxies))
    feed = open_feed(settings, connection, log)
    chat = open_chat(settings, connection, rooms.store, now_ms=clock_ms, stop=stop)
    ground = Ground(connection, rooms.store, desk, {queue.name: queue for queue in rooms.queues})
    async with (
        open_floor(settings, ground) as (floor, passes),
        live_heard(connection, feed.hear, desk.now_ms),
        asyncio.TaskGroup() as group,
    ):
        then = (measured(ground.queues), Indexer(rooms.words), passes.follow)
        projector = Projector(log, views, views_max=settings.keys_cached_max, then=then)
        asking = AskRating(projector, office.publish, views, rooms.queues, settings.rating_text)
        events = consumer(connection, HIL_INBOX_EVENTS, event_routes(projector, asking))
        timers = clock_timers(connection)
        keeper = ClockKeeper(desk, timers, rooms.queues, floor.rows.waiting_count, floor.people_online)
        clocks = consumer(connection, HIL_INBOX_CLOCKS, clock_routes(keeper))
        consumers = (commands, clocks, events)
        http = http_app(office, room, house, floor)
        add_feed(http, feed, office, connection)
        http.include_router(saved_view_routes(SavedViewStore(rooms.store)))
        http.include_router(search_routes(rooms.words, views))
        add_health(http, {"bus": lambda: connection.ready, "consumers": lambda: all(one.running for one in consumers)})
        for one in consumers:
            group.create_task(one.run(stop))
        group.create_task(passes.run(stop))
        group.create_task(sweep_until(stop, room.sweeps))
        group.create_task(feed.fan_out.run(stop))
        serving = partial(serve_http, host=settings.http_host, stop=stop)
        if chat is not None:
            customers, listening = chat_app(chat, listed(settings.chat_origins)), asyncio.Event()
            group.create_task(serving(customers, port=settings.chat_port, listening=listening))
            await listening.wait()
        group.create_task(serving(http, port=settings.http_port, listening=ready))
        await stop.wait()
