"""Who is plugged into whom in the orchestrator?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from contracts.conversations import ConversationClosed
from contracts.executions import ExecutionFinished
from contracts.streams import AI_STOPS_BUCKET, ARCHIVER, EXPERIMENTS_BUCKET, LOG, ORCHESTRATOR, ORCHESTRATOR_INPUTS
from orchestrator.adapters.ai_stops import AiStops
from orchestrator.adapters.conversation_cache import ConversationCache
from orchestrator.adapters.experiments import RunningExperiments
from orchestrator.adapters.failure_feed import FailureFeed
from orchestrator.adapters.overdue import OverdueTimers
from orchestrator.adapters.storage_watch import StorageWatch
from orchestrator.adapters.timers import wake_timers
from orchestrator.adapters.watch_bucket import following
from orchestrator.adapters.workflow_registry import WorkflowRegistry, opened
from orchestrator.api.conversations import conversations_api
from orchestrator.domain.breaker import BreakerRule
from orchestrator.handlers.advance import Advancer
from orchestrator.handlers.archive_log import Archiver
from orchestrator.handlers.sweep import sweep
from orchestrator.settings import Settings
from pii import redact
from service_kit.archive import Archive
from service_kit.bus import Consumer, Order, Routes
from service_kit.connection import Connection, connected
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces


def now_ms() -> int:
    """The clock that stamps decisions: Unix milliseconds."""
    return time.time_ns() // 1_000_000


def routes(advancer: Advancer) -> Routes:
    """Every input leads to the same handler: fold, decide, append."""
    return {kind: advancer.on_input for kind in ORCHESTRATOR_INPUTS}


def archive_routes(archiver: Archiver) -> Routes:
    """What closes a log."""
    return {ConversationClosed: archiver.on_closed, ExecutionFinished: archiver.on_closed}


def breaker_rule(settings: Settings) -> BreakerRule:
    """The settings in the domain's terms."""
    return BreakerRule(
        failures_min=settings.breaker_failures_min,
        executions_min=settings.breaker_executions_min,
        window_ms=round(settings.breaker_window_seconds * 1000),
        open_ms=round(settings.breaker_open_seconds * 1000),
    )


@asynccontextmanager
async def composed(connection: Connection, settings: Settings) -> AsyncIterator["Parts"]:
    """All parts, plugged together."""
    stops, experiments = AiStops(), RunningExperiments()
    async with (
        opened(connection) as registry,
        following(connection, AI_STOPS_BUCKET, stops.apply),
        following(connection, EXPERIMENTS_BUCKET, experiments.apply),
    ):
        feed = FailureFeed(connection, breaker_rule(settings), now_ms)
        archive = Archive(connection)
        advancer = Advancer(
            log=Log(connection),
            timers=wake_timers(connection),
            workflows=registry,
            archive=archive,
            cache=ConversationCache(keys_max=settings.states_cached_max),
            now_ms=now_ms,
            open_breakers=feed.open_breakers,
            ai_stops=stops.of,
            experiments=experiments.of,
            reads_after_append=settings.stream_replicas > 1,
        )
        after_ms = round(settings.archive_after_seconds * 1000)
        archiver = Archiver(Log(connection), archive, now_ms, after_ms, advancer.cache.drop)
        yield Parts(registry, feed, archive, advancer, archiver)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs in one orchestrator."""

    registry: WorkflowRegistry
    feed: FailureFeed
    archive: Archive
    advancer: Advancer
    archiver: Archiver


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run the service until `stop` is set; sets `ready` once inputs are consumed."""
    configure_logs("orchestrator", level=settings.log_level, redact=redact)
    configure_traces("orchestrator", endpoint=settings.otlp_endpoint, redact=redact)
    async with connected(settings.nats_url, service="orchestrator") as connection:
        await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
        for spec in (ORCHESTRATOR, ARCHIVER):
            await ensure_consumer(connection.jetstream, spec, stream=LOG)
        async with composed(connection, settings) as parts:
            await _run(connection, settings, parts, stop=stop, ready=ready)


async def _run(
    connection: Connection, settings: Settings, parts: Parts, *, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    consumer = Consumer(
        connection,
        ORCHESTRATOR,
        routes(parts.advancer),
        concurrency=settings.concurrency,
        order=Order.BY_KEY,
        deliveries_max=None,
        delay_max=timedelta(seconds=5),
        trace_ratio=settings.trace_ratio,
        proves_completeness=settings.stream_replicas == 1,
    )
    archiving = Consumer(connection, ARCHIVER, archive_routes(parts.archiver), concurrency=1, deliveries_max=None)
    app = FastAPI(title="HIL Agent System: orchestrator")
    add_health(app, {"nats": lambda: connection.ready, "consumer": lambda: consumer.running})
    overdue, every = OverdueTimers(connection), settings.sweep_seconds
    storage = StorageWatch(connection, settings.storage_bytes_max, settings.storage_stop_ratio)
    app.include_router(conversations_api(connection, parts.registry, parts.archive, storage))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(storage.run(stop))
        tasks.create_task(consumer.run(stop))
        tasks.create_task(archiving.run(stop))
        tasks.create_task(parts.feed.run(stop))
        tasks.create_task(sweep(overdue, now_ms=now_ms, every_seconds=every, stop=stop))
        tasks.create_task(serve_http(app, host=settings.http_host, port=settings.http_port, stop=stop, listening=ready))
