"""Who is plugged into whom: which messages does analytics count, into which store?"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.announce_alert import announce_alert
from analytics.adapters.announce_pattern import announce_pattern
from analytics.adapters.archived_logs import ArchivedLogs
from analytics.adapters.counted_through import counted_through_ms
from analytics.adapters.evaluation_store import EvaluationStore
from analytics.adapters.experiment_definitions import ExperimentDefinitions
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.generation_consumers import LogOfServer, consumer_of
from analytics.adapters.pattern_documents import PatternDocuments
from analytics.adapters.published_facts import PublishedFacts
from analytics.adapters.settled_through import log_created, settled_through
from analytics.adapters.webhook import Webhook, webhook
from analytics.api.doorkeeper import House
from analytics.api.errors import add_error_answers
from analytics.api.evaluations import evaluation_routes
from analytics.api.experiments import experiment_routes
from analytics.api.exports import export_routes
from analytics.api.figures import Desk, figure_routes
from analytics.api.funnels import funnel_routes
from analytics.api.gate import add_gate, admission_by
from analytics.api.kpis import KpiDesk, kpi_routes
from analytics.api.lists import list_routes
from analytics.api.live import live_routes
from analytics.api.patterns import pattern_routes
from analytics.api.promises import PromiseDesk, promise_routes
from analytics.api.query import query_routes
from analytics.handlers.admit import Admission
from analytics.handlers.count_generations import Counting, Countings
from analytics.handlers.count_messages import CountMessages
from analytics.handlers.find_patterns import FindPatterns
from analytics.handlers.judge_minutes import JudgeMinutes
from analytics.handlers.keep_evaluation import KeepEvaluation
from analytics.handlers.metrics import Metrics
from analytics.handlers.newest_count import NewestCount
from analytics.handlers.push_alert import PushAlert
from analytics.handlers.rebuild import Rebuild
from analytics.page.routes import page_routes
from analytics.settings import Settings, listed
from contracts.alerts import AlertChanged
from contracts.envelope import LogEntry, Message
from contracts.evaluations import EvaluationFinished
from contracts.executions import PatternDetected
from contracts.streams import ALERT_PUSHES, ANALYTICS, LOG, WORKFLOW_FACTS_BUCKET
from document_store import opened_store
from pii import redact
from service_kit.application import connected_as, started
from service_kit.batches import BatchConsumer, BatchRoutes, one_by_one
from service_kit.bus import Consumer, Routes
from service_kit.connection import Connection, connect_options
from service_kit.health import add_health, serve_http
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces
from service_kit.watched_bucket import watched

SERVICE = "analytics"
PUBLISHES: tuple[type[Message], ...] = (AlertChanged, PatternDetected)


def routes(count: CountMessages, keep_evaluation: KeepEvaluation) -> BatchRoutes:
    """Every fact of the log that has a figure, and what evaluations found."""
    return {**dict.fromkeys(ANALYTICS.types, count), EvaluationFinished: one_by_one(keep_evaluation)}


def push_routes(push: PushAlert) -> Routes:
    """What the receiver of alerts is told."""
    return dict.fromkeys(ALERT_PUSHES.types, push)


def application(settings: Settings) -> tuple[FastStream, NatsBroker]:
    """The FastStream application: its connection, and its publishers for the AsyncAPI document. Delivery goes through
    the service kit on the same connection (STYLE 5)."""
    broker = NatsBroker(settings.nats_url.split(","), **connect_options(SERVICE), logger=None)
    for kind in PUBLISHES:
        broker.publisher(
            f"{kind.route.type}.{{tenant}}.{{key}}", schema=kind, title=kind.__name__, description=kind.__doc__
        )
    return FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE, version="1")), broker


def http_app(desk: Desk) -> FastAPI:
    """The REST API, closed to all but callers once it has its gate."""
    app = FastAPI(title=SERVICE, version="1", docs_url=None, redoc_url=None)
    add_error_answers(app)
    app.include_router(figure_routes(desk))
    app.include_router(query_routes(desk))
    app.include_router(list_routes(desk))
    app.include_router(export_routes(desk))
    app.include_router(funnel_routes(desk))
    app.include_router(page_routes())
    return app


def clock_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is kept: figures, alerts and evaluations in the store, and what workflows promise; and who is let in (None:
    all)."""

    figures: FigureStore
    alerts: AlertDocuments
    evaluations: EvaluationStore
    facts: PublishedFacts
    admission: Admission | None


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop`; `ready` is set once the consumer runs."""
    configure_logs(SERVICE, level=settings.log_level, redact=redact)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redact)
    app, broker = application(settings)
    if not await started(app, stop):
        return
    async with (
        connected_as(app, broker.connection, url=settings.nats_url, service=SERVICE) as connection,
        opened_store(settings.store_url) as store,
    ):
        await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
        await ensure_consumer(connection.jetstream, ALERT_PUSHES, stream=LOG)
        admission = None if settings.access == "open" else await admission_by(store, settings.session_hours, clock_ms)
        stores = (FigureStore(store), AlertDocuments(store), EvaluationStore(store))
        for one in (*stores[1:], PatternDocuments(store)):
            await one.prepare()
        rooms = Rooms(*stores, PublishedFacts(), admission)
        async with (
            watched(connection.jetstream, WORKFLOW_FACTS_BUCKET, rooms.facts),
            webhook(settings.alert_webhook_url, settings.alert_webhook_token) as receiver,
        ):
            await _run(settings, connection, rooms, receiver, stop=stop, ready=ready)


async def _run(
    settings: Settings,
    connection: Connection,
    rooms: Rooms,
    receiver: Webhook | None,
    *,
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    pushes = Consumer(connection, ALERT_PUSHES, push_routes(PushAlert(rooms.alerts, receiver)), concurrency=8)
    counted_through = partial(_counted_through, connection, rooms.figures)
    judge = JudgeMinutes(
        rooms.figures,
        rooms.alerts,
        rooms.facts,
        counted_through=counted_through,
        announce=partial(announce_alert, connection),
        unrouted_ms=settings.alerts_unrouted_seconds * 1_000,
    )
    patterns = PatternDocuments(rooms.figures.store)
    find = FindPatterns(rooms.figures, patterns, counted_through, partial(announce_pattern, connection))
    async with asyncio.TaskGroup() as group:
        countings = Countings(partial(_begun, settings, connection, rooms), rooms.figures, group)
        rebuild = Rebuild(
            rooms.figures.store, countings, ArchivedLogs(connection), LogOfServer(connection.jetstream), clock_ms
        )
        await rebuild.begin()
        counting = group.create_task(rebuild.run(stop))
        desk = Desk(rooms.figures, countings.settled, clock_ms)
        http = http_app(desk)
        http.include_router(kpi_routes(KpiDesk(desk, rooms.facts.baseline_of)))
        http.include_router(pattern_routes(patterns))
        http.include_router(experiment_routes(ExperimentDefinitions(connection.jetstream), desk))
        http.include_router(promise_routes(PromiseDesk(rooms.figures, rooms.alerts, rooms.facts, clock_ms)))
        http.include_router(evaluation_routes(rooms.evaluations))
        http.include_router(live_routes(NewestCount(countings.settled, time.monotonic), stop))
        add_health(http, {"bus": lambda: connection.ready, "consumer": lambda: countings.consuming and pushes.running})
        house = House(settings.public_url, listed(settings.allowed_hosts), listed(settings.proxies))
        add_gate(http, rooms.admission, house)
        judging, finding = group.create_task(judge.run()), group.create_task(find.run())
        counting.add_done_callback(lambda _: finding.cancel())
        group.create_task(pushes.run(stop)).add_done_callback(lambda _: judging.cancel())
        group.create_task(
            serve_http(http, host=settings.http_host, port=settings.http_port, stop=stop, listening=ready)
        )


async def _begun(settings: Settings, connection: Connection, rooms: Rooms, generation: int) -> Counting:
    """What counts a generation; metrics are of the one that serves."""
    spec, jetstream, metrics = consumer_of(generation), connection.jetstream, Metrics()
    await ensure_consumer(jetstream, spec, stream=LOG)
    figures = FigureStore(rooms.figures.store, generation)
    await figures.prepare()
    read_settled = partial(settled_through, jetstream, spec, stream=LOG, log=await log_created(jetstream, LOG))

    def on_counted(entry: LogEntry) -> None:
        if rooms.figures.generation == generation:
            metrics(entry)

    count = CountMessages(figures, read_settled, on_counted=on_counted)
    counted = routes(count, KeepEvaluation(rooms.evaluations))
    consumer = BatchConsumer(connection, spec, counted, batch_max=settings.batch_max, trace_ratio=settings.trace_ratio)
    return Counting(figures, read_settled, consumer)


async def _counted_through(connection: Connection, serving: FigureStore) -> int:
    return await counted_through_ms(connection, consumer_of(serving.generation), stream=LOG)
