"""Who is plugged into whom in the gateway?"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial

import structlog
from faststream import FastStream
from faststream.nats import JStream, NatsBroker
from faststream.specification import AsyncAPI
from redis.exceptions import RedisError

from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.costs import CostRecorded
from contracts.streams import LLM_GATEWAY, LOG
from cost_gate import KeepOpen, Lapsed, Rate, RateKind, connect_gate
from cost_ledger import Ledger, read_ledger, record_lapse, watched_budgets
from llm_gateway.adapters.api_keys import ApiKeys
from llm_gateway.adapters.breaker_board import BreakerBoard
from llm_gateway.adapters.embedder import Embedder, WordllamaEmbedder
from llm_gateway.adapters.models_file import ModelsFile, ModelsFileError, load_models
from llm_gateway.adapters.name_finder import NameFinder
from llm_gateway.adapters.prompt_store import PromptStore
from llm_gateway.adapters.provider_client import Provider, connect_providers
from llm_gateway.adapters.response_cache import ResponseCache
from llm_gateway.adapters.semantic_index import SemanticIndex
from llm_gateway.adapters.tool_catalogue import watched_tools
from llm_gateway.api.admin import admin_app
from llm_gateway.api.asgi import OpenAiApi
from llm_gateway.domain.count_tokens import load_vocabulary
from llm_gateway.domain.models import ModelKind, ModelTable
from llm_gateway.handlers.announce import Announcer
from llm_gateway.handlers.embed import embed
from llm_gateway.handlers.gateway import Gateway
from llm_gateway.handlers.provider_embedder import ProviderEmbedder
from llm_gateway.handlers.raise_budget import raise_budget
from llm_gateway.handlers.request_completion import request_completion
from llm_gateway.settings import Settings
from pii import redact, regions_from
from service_kit.bus import Consumer, Routes, publish
from service_kit.connection import Connection, connect_options, connected
from service_kit.errors import RetryLater
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces

SERVICE = "llm-gateway"
log = structlog.get_logger()


def routes(gateway: Gateway) -> Routes:
    """All that the gateway reacts to."""
    return {
        RequestCompletion: partial(request_completion, gateway=gateway),
        RaiseBudget: partial(raise_budget, gateway=gateway),
    }


def stream_application(settings: Settings) -> FastStream:
    """The connection, and what is published on it, as the AsyncAPI document describes it."""
    broker = NatsBroker(settings.nats_url.split(","), logger=None, **connect_options(SERVICE))
    stream = JStream(LOG.name, declare=False)  # Declared by the kit; FastStream would take its schedules away.
    for kind in (CompletionProduced, CompletionFailed, BudgetExhausted, BudgetRaised, CostRecorded):
        broker.publisher(f"{kind.route.type}.{{tenant}}.{{key}}", schema=kind, title=kind.__name__, stream=stream)
    return FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE))


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop` is set; `ready` is set once requests are consumed."""
    trusted = frozenset({"default"} if settings.provider_trusted_with_pii else ())
    models = load_models(settings.models_file, trusted=trusted)
    cache_embedder(settings, models.table)  # A mistake stops the start before anything is opened.
    for model in models.table.models.values():
        load_vocabulary(model.encoding)
    redacting = partial(redact, regions=regions_from(settings.phone_regions))
    configure_logs(SERVICE, level=settings.log_level, redact=redacting)
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redacting)
    async with bus(settings) as connection, gateway_on(connection, settings, models) as gateway:
        consumer = Consumer(
            connection,
            LLM_GATEWAY,
            routes(gateway),
            concurrency=settings.concurrency,
            deliveries_max=None,  # Every command ends in a fact, at its deadline at last; a closed gate is waited for.
            trace_ratio=settings.trace_ratio,
        )
        keys = ApiKeys(settings.api_keys_file)
        admin = admin_app(gateway, keys)
        checks = {
            "bus": lambda: connection.ready,
            "consumer": lambda: consumer.running,
            "cost_gate": gateway.gate.opened.is_set,
            "cost_ledger": lambda: gateway.ledger.has_room,
        }
        add_health(admin, checks)
        api = OpenAiApi(
            gateway,
            keys,
            admin,
            concurrency=settings.http_concurrency,
            trace_ratio=settings.trace_ratio,
            stalled_seconds_max=settings.http_stalled_seconds_max,
        )
        written = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(gateway.ledger.run(written))
            async with asyncio.TaskGroup() as work:
                work.create_task(keep_open(gateway, connection).run(stop))
                work.create_task(consumer.run(stop))
                work.create_task(gateway.board.run(stop))
                work.create_task(
                    serve_http(api, host=settings.http_host, port=settings.http_port, stop=stop, listening=ready)
                )
            await gateway.finish()
            written.set()  # What the last calls took is stored before the connection closes.


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
    jetstream, cap = connection.jetstream, settings.execution_cap_microdollars
    publish_on = partial(publish, connection)
    async with AsyncExitStack() as stack:
        gate = connect_gate(settings.redis_url)
        stack.push_async_callback(gate.aclose)
        provider = connect_providers(providers(settings, models))
        stack.push_async_callback(provider.connections.aclose)
        table = models.table
        embedder = cache_embedder(settings, table)
        gateway = Gateway(
            table=table,
            provider=provider,
            prompts=PromptStore(Log(connection), prompts_max=settings.prompts_cached_max),
            tools=await stack.enter_async_context(watched_tools(jetstream)),
            gate=gate,
            ledger=Ledger(publish_on, gate.recorded, now),
            budgets=await stack.enter_async_context(watched_budgets(jetstream, execution_cap_microdollars=cap)),
            board=BreakerBoard(
                gate.redis,
                frozenset(table.models),
                now,
                {name: model.slow_seconds for name, model in table.models.items()},
            ),
            cache=ResponseCache(
                gate.redis,
                SemanticIndex(gate.redis, embedder, now),
                now,
                verify_share=settings.cache_verify_share,
            ),
            announcer=Announcer(now),
            publish=publish_on,
            now=now,
            pii_secret=pii_secret(settings),
            phone_regions=regions_from(settings.phone_regions),
            caller_rates=caller_rates(settings),
            provider_rates=provider_rates(models),
            names=await stack.enter_async_context(name_finder(settings)),
            budget_wait_seconds_max=settings.budget_wait_seconds_max,
        )
        if isinstance(embedder, ProviderEmbedder):
            embedder.ask = partial(embed, gateway=gateway)
        with suppress(RetryLater, RedisError):  # Where the books are complete, no first call is put off.
            await keep_open(gateway, connection).look()
        yield gateway


@asynccontextmanager
async def name_finder(settings: Settings) -> AsyncIterator[NameFinder | None]:
    """The model of names, loaded; None where none is set. Raises UnusableNamesModel."""
    if settings.names_model is None:
        yield None
        return
    finder = NameFinder(settings.names_model, settings.names_seconds_max)
    try:
        await finder.start()
        yield finder
    finally:
        finder.end()


def keep_open(gateway: Gateway, connection: Connection) -> KeepOpen:
    """What opens the gate, and records what lapses."""

    def lapsed(lapse: Lapsed) -> None:
        record_lapse(gateway.ledger, lapse, now=gateway.now())

    return KeepOpen(gateway.gate, partial(read_ledger, connection), lapsed, gateway.now)


def now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def providers(settings: Settings, models: ModelsFile) -> list[Provider]:
    """Every provider of the models file, with its key from the settings."""
    keys = {"default": settings.provider_api_key, **settings.provider_api_keys}
    return [
        Provider(name, url or settings.provider_url, keys[name].get_secret_value().strip() if name in keys else "")
        for name, url in models.base_urls.items()
    ]


def cache_embedder(settings: Settings, table: ModelTable) -> Embedder:
    """What the semantic cache compares questions with. Raises ModelsFileError."""
    profile = settings.cache_embeddings
    if not profile:
        return WordllamaEmbedder()
    candidates = table.candidates_of(profile)
    if not candidates or candidates[0].kind is not ModelKind.EMBEDDING:
        usable = sorted(name for name, model in table.models.items() if model.kind is ModelKind.EMBEDDING)
        raise ModelsFileError(
            f"LLM_GATEWAY_CACHE_EMBEDDINGS={profile!r} is no embedding model of {settings.models_file}; it has: "
            f"{', '.join(usable) or 'none'}. Name one of them, or leave it empty"
        )
    return ProviderEmbedder(profile, f"provider:{candidates[0].provider}:{candidates[0].asked_as}")


def provider_rates(models: ModelsFile) -> dict[str, Rate]:
    """The limits of every provider's key that has any."""
    rates = {
        name: Rate(
            RateKind.PROVIDER,
            name,
            requests_per_minute=provider.requests_per_minute,
            tokens_per_minute=provider.tokens_per_minute,
            concurrent_max=provider.concurrent_max,
        )
        for name, provider in models.table.providers.items()
    }
    unlimited = {name: Rate(RateKind.PROVIDER, name) for name in rates}
    return {name: rate for name, rate in rates.items() if rate != unlimited[name]}


def caller_rates(settings: Settings) -> Callable[[str, str | None], Sequence[Rate]]:
    """The limits of a tenant and of an entity."""

    @lru_cache(maxsize=10_000)
    def rates_of(tenant: str, entity: str | None) -> Sequence[Rate]:
        of_tenant = Rate(
            RateKind.TENANT,
            tenant,
            requests_per_minute=settings.tenant_requests_per_minute,
            tokens_per_minute=settings.tenant_tokens_per_minute,
            concurrent_max=settings.tenant_concurrent_max,
        )
        if entity is None:
            return (of_tenant,)
        of_entity = Rate(
            RateKind.ENTITY,
            f"{tenant}/{entity}",
            requests_per_minute=settings.entity_requests_per_minute,
            tokens_per_minute=settings.entity_tokens_per_minute,
            concurrent_max=settings.entity_concurrent_max,
        )
        return (of_tenant, of_entity)

    return rates_of


def pii_secret(settings: Settings) -> bytes:
    """The key of placeholders. Made up, it differs between replicas, and so do the placeholders of one conversation."""
    given = settings.pii_secret.get_secret_value().encode()
    if not given:
        log.warning("pii_secret.made_up", hint="set LLM_GATEWAY_PII_SECRET to the same value in every replica")
    return given or secrets.token_bytes(32)
