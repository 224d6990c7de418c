"""Who is plugged into whom in the gateway?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import aiohttp
from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import JStream, NatsBroker
from faststream.specification import AsyncAPI

from contracts.budgets import BudgetExhausted
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.streams import LLM_GATEWAY, LOG
from cost_gate import connect_gate
from llm_gateway.adapters.gate_pulse import GatePulse
from llm_gateway.adapters.models_file import ModelsFile, load_models
from llm_gateway.adapters.prompt_store import PromptStore
from llm_gateway.adapters.provider_client import Provider, ProviderClient
from llm_gateway.adapters.tool_catalogue import watched_tools
from llm_gateway.api.openai_api import add_openai_api
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.request_completion import request_completion
from llm_gateway.settings import Settings
from service_kit.bus import Consumer, Routes, publish
from service_kit.connection import Connection, connect_options, connected
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces

SERVICE = "llm-gateway"


def routes(gateway: Gateway) -> Routes:
    """All that the gateway reacts to."""
    return {RequestCompletion: partial(request_completion, gateway=gateway)}


def stream_application(settings: Settings) -> FastStream:
    """The connection, and what is published on it, as the AsyncAPI document describes it."""
    broker = NatsBroker(settings.nats_url.split(","), logger=None, **connect_options(SERVICE))
    stream = JStream(LOG.name, declare=False)  # Declared by the kit; FastStream would take its schedules away.
    for kind in (CompletionProduced, CompletionFailed, BudgetExhausted):
        broker.publisher(f"{kind.route.type}.{{tenant}}.{{key}}", schema=kind, title=kind.__name__, stream=stream)
    return FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE))


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop` is set; `ready` is set once requests are consumed."""
    models = load_models(settings.models_file)
    configure_logs(SERVICE, level=settings.log_level)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint)
    async with bus(settings) as connection, gateway_on(connection, settings, models) as gateway:
        consumer = Consumer(
            connection,
            LLM_GATEWAY,
            routes(gateway),
            concurrency=settings.concurrency,
            deliveries_max=None,  # Every command ends in a fact, at its deadline at last; a closed gate is waited for.
            trace_ratio=settings.trace_ratio,
        )
        app = FastAPI(title=SERVICE)
        pulse = GatePulse(gateway.redis)
        checks = {
            "bus": lambda: connection.ready,
            "consumer": lambda: consumer.running,
            "cost_gate": lambda: pulse.answers,
        }
        add_health(app, checks)
        add_openai_api(app, models.table)
        async with asyncio.TaskGroup() as group:
            group.create_task(consumer.run(stop))
            group.create_task(pulse.run(stop))
            group.create_task(serve_http(app, host=settings.http_host, port=settings.http_port, stop=stop))
            ready.set()


@asynccontextmanager
async def bus(settings: Settings) -> AsyncIterator[Connection]:
    """FastStream's connection, used by our own consumer, on streams that exist."""
    application = stream_application(settings)
    async with application:
        broker = application.broker
        assert isinstance(broker, NatsBroker)
        async with connected(settings.nats_url, service=SERVICE, client=await broker.connect()) as connection:
            await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
            await ensure_consumer(connection.jetstream, LLM_GATEWAY, stream=LOG)
            yield connection


@asynccontextmanager
async def gateway_on(connection: Connection, settings: Settings, models: ModelsFile) -> AsyncIterator[Gateway]:
    """The gateway with everything it needs open."""
    redis = connect_gate(settings.redis_url, connections_max=settings.concurrency)
    connector = aiohttp.TCPConnector(limit=settings.concurrency)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session,
            watched_tools(connection.jetstream) as tools,
        ):
            yield Gateway(
                table=models.table,
                provider=ProviderClient(session, providers(settings, models)),
                prompts=PromptStore(Log(connection), prompts_max=settings.prompts_cached_max),
                tools=tools,
                redis=redis,
                publish=partial(publish, connection),
                now=lambda: datetime.now(UTC),
                execution_cap_microdollars=settings.execution_cap_microdollars,
            )
    finally:
        await redis.aclose()


def providers(settings: Settings, models: ModelsFile) -> dict[str, Provider]:
    """Every provider of the models file, with its key from the settings."""
    keys = {"default": settings.provider_api_key, **settings.provider_api_keys}
    return {
        name: Provider(name, url or settings.provider_url, keys[name].get_secret_value() if name in keys else "")
        for name, url in models.base_urls.items()
    }
