"""Who is plugged into whom in the tool runner?"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import JStream, NatsBroker
from faststream.specification import AsyncAPI

from contracts.budgets import BudgetExhausted
from contracts.costs import CostRecorded
from contracts.streams import LOG, TOOL_BLESSINGS_BUCKET, TOOL_RUNNER
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from pii import redact, regions_from
from service_kit.bus import Consumer, Routes, publish
from service_kit.connection import Connection, connect_options, connected
from service_kit.health import add_health, serve_http
from service_kit.log import Log
from service_kit.streams import ensure_consumer, ensure_streams
from service_kit.telemetry import configure_logs, configure_traces
from service_kit.watched_bucket import watched
from tool_runner.adapters.blessings import Blessings
from tool_runner.adapters.call_ledger import CallLedger, opened_ledger
from tool_runner.adapters.manifest_file import ConfiguredServer, Manifest, load_manifest
from tool_runner.adapters.no_core_dumps import forbid_core_dumps
from tool_runner.adapters.result_cache import ResultCache
from tool_runner.adapters.result_tokens import KEEP_SECONDS, result_tokens
from tool_runner.adapters.running_sources import ServerBoxes, is_settled, running_servers
from tool_runner.adapters.sandbox.opened import opened_sandbox
from tool_runner.adapters.sandbox.options_of import sandbox_options
from tool_runner.adapters.seal import Seal
from tool_runner.adapters.tool_catalogue import ToolCatalogue
from tool_runner.adapters.tool_offer import ToolOffer
from tool_runner.adapters.tool_registry import ToolRegistry
from tool_runner.adapters.tool_sources import Builtin, CodeFiles
from tool_runner.adapters.vault.open_vault import opened_vault
from tool_runner.adapters.vault.vault import Vault
from tool_runner.adapters.vault.vault_keys import VaultKeys, read_keys
from tool_runner.api.connect import add_connect_api
from tool_runner.api.tools import ToolsNow, add_tools_api
from tool_runner.api.why import add_why_api
from tool_runner.domain.accounts import App
from tool_runner.domain.sandbox import Sandbox
from tool_runner.handlers.execute_tool_call import execute_tool_call
from tool_runner.handlers.places import SERVERS_MIN, Places
from tool_runner.handlers.runner import Runner
from tool_runner.handlers.spending import opened_spending
from tool_runner.settings import Settings

SERVICE = "tool-runner"


def routes(runner: Runner) -> Routes:
    """All that the tool runner reacts to."""
    return {ExecuteToolCall: partial(execute_tool_call, runner=runner)}


def stream_application(settings: Settings) -> FastStream:
    """The connection, and what is published on it, as the AsyncAPI document describes it."""
    broker = NatsBroker(settings.nats_url.split(","), logger=None, **connect_options(SERVICE))
    stream = JStream(LOG.name, declare=False)  # Declared by the kit; FastStream would take its schedules away.
    facts = (ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown, ToolCallApprovalRequired)
    for kind in (*facts, BudgetExhausted, CostRecorded):
        broker.publisher(f"{kind.route.type}.{{tenant}}.{{key}}", schema=kind, title=kind.__name__, stream=stream)
    return FastStream(broker, logger=None, specification=AsyncAPI(title=SERVICE))


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop` is set; `ready` is set once commands are consumed."""
    seal = Seal(settings.ledger_secret.get_secret_value())
    manifest = load_manifest(settings.servers_file, search_path=settings.child_path, environment=os.environ)
    keys = read_keys(settings.vault_keys.get_secret_value(), settings.vault_keys_file) if manifest.apps else None
    forbid_core_dumps()
    configure_logs(SERVICE, level=settings.log_level, redact=redacting_for(settings))
    configure_traces(SERVICE, endpoint=settings.otlp_endpoint, redact=redacting_for(settings))
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # It would log what servers answer.
    async with (
        bus(settings) as connection,
        vault_with(manifest.apps, keys, settings) as vault,
        sandbox_for(manifest, settings) as sandbox,
        runner_on(connection, settings, manifest, seal=seal, vault=vault, sandbox=sandbox) as runner,
    ):
        spec = replace(TOOL_RUNNER, ack_wait_seconds=settings.ack_wait_seconds)
        await ensure_consumer(connection.jetstream, spec, stream=LOG)
        consumer = Consumer(
            connection,
            spec,
            routes(runner),
            concurrency=settings.concurrency,
            deliveries_max=None,  # Every command ends in a fact; waiting for the ledger is not giving up.
            trace_ratio=settings.trace_ratio,
        )
        app = http_application(connection, consumer, runner)
        if vault is not None:
            add_connect_api(app, vault)
        async with asyncio.TaskGroup() as group:
            group.create_task(consumer.run(stop))
            group.create_task(
                serve_http(app, host=settings.http_host, port=settings.http_port, stop=stop, listening=ready)
            )


def http_application(connection: Connection, consumer: Consumer, runner: Runner) -> FastAPI:
    """Health, metrics and the list of tools. Ready means that every server has been tried: one that cannot start
    must not keep the others from being used."""
    servers = runner.servers.values()
    app = FastAPI(title=SERVICE)
    add_health(
        app,
        {
            "bus": lambda: connection.ready,
            "consumer": lambda: consumer.running,
            "ledger": lambda: runner.ledger.reachable,
            "cost_gate": runner.spending.money.gate.opened.is_set,
            "cost_ledger": lambda: runner.spending.money.ledger.has_room,
            "servers": lambda: all(is_settled(server) for server in servers),
        },
    )
    now = ToolsNow(
        tools=runner.registry.tools,
        held=runner.registry.held,
        available=lambda: {name: server.available for name, server in runner.servers.items()},
        manifest_version=runner.manifest_version,
    )
    add_tools_api(app, now)
    add_why_api(app, runner.grants, runner.registry.servers, manifest_version=runner.manifest_version)
    return app


@asynccontextmanager
async def bus(settings: Settings) -> AsyncIterator[Connection]:
    """FastStream's connection, used by our own consumer, on streams that exist."""
    application = stream_application(settings)
    async with application:
        broker = application.broker
        assert isinstance(broker, NatsBroker)
        async with connected(settings.nats_url, service=SERVICE, client=await broker.connect()) as connection:
            await ensure_streams(connection.jetstream, replicas=settings.stream_replicas)
            yield connection


@asynccontextmanager
async def runner_on(
    connection: Connection,
    settings: Settings,
    manifest: Manifest,
    *,
    seal: Seal,
    vault: Vault | None,
    sandbox: Sandbox | None,
) -> AsyncIterator[Runner]:
    """The runner with its ledger open and its servers running."""
    offer = offer_on(connection, manifest.servers)
    async with (
        ledger_for(settings, seal) as ledger,
        watched(connection.jetstream, TOOL_BLESSINGS_BUCKET, offer.blessings),
        running_servers(
            manifest.servers, offer, sandbox=sandbox, boxes=server_boxes(settings)
        ) as servers,  # Before a task group: what it raises is for people.
        opened_spending(
            connection,
            settings.redis_url,
            execution_cap_microdollars=settings.execution_cap_microdollars,
            now=lambda: datetime.now(UTC),
        ) as spending,
    ):
        yield Runner(
            registry=offer.registry,
            servers=servers,
            places=places_for(settings, manifest),
            ledger=ledger,
            spending=spending,
            cache=ResultCache(ledger.redis, seal),
            tokens=result_tokens(
                ledger.redis,
                settings.ledger_secret.get_secret_value(),
                regions=regions_from(settings.phone_regions),
                keep_seconds=KEEP_SECONDS,
            ),
            vault=vault,
            log=Log(connection),
            publish=partial(publish, connection),
            now_ms=lambda: time.time_ns() // 1_000_000,
            grants=manifest.grants,
            manifest_version=manifest.version,
            redacting=redacting_for(settings),
        )


def places_for(settings: Settings, manifest: Manifest) -> Places:
    """Places for each server out of all that the consumer has."""
    concurrency = {server.rules.name: server.limits.concurrency for server in manifest.servers}
    return Places(settings.concurrency // SERVERS_MIN, concurrency)


def ledger_for(settings: Settings, seal: Seal) -> AbstractAsyncContextManager[CallLedger]:
    """The ledger of this process."""
    return opened_ledger(
        settings.redis_url,
        process=f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}",
        seal=seal,
        lease_seconds=settings.lease_seconds,
        keep_seconds=settings.ledger_keep_seconds,
        connections_max=settings.concurrency,
    )


def offer_on(connection: Connection, configured: Sequence[ConfiguredServer]) -> ToolOffer:
    """Where the tools that servers list go."""
    offer = ToolOffer(
        ToolRegistry({server.rules.name: server.rules for server in configured}),
        ToolCatalogue(connection.jetstream),
        Blessings(connection.jetstream),
        frozenset(server.rules.name for server in configured if server.quarantine),
    )
    offer.blessings.on_change = offer.offer
    return offer


@asynccontextmanager
async def vault_with(
    apps: Mapping[str, App], keys: VaultKeys | None, settings: Settings
) -> AsyncIterator[Vault | None]:
    """The vault of connected accounts; None where no apps are declared."""
    if keys is None:
        yield None
        return
    async with opened_vault(
        apps,
        keys,
        store_url=settings.store_url,
        redis_url=settings.redis_url,
        public_url=settings.public_url or f"http://127.0.0.1:{settings.http_port}",
        now_ms=lambda: time.time_ns() // 1_000_000,
    ) as vault:
        yield vault


@asynccontextmanager
async def sandbox_for(manifest: Manifest, settings: Settings) -> AsyncIterator[Sandbox | None]:
    """The sandbox, once it has withstood its own attacks; None where the manifest has no code to run. Raises
    SandboxUnavailable: a runner that cannot hold code does not start with a manifest that has some."""
    if not any(isinstance(one.source, CodeFiles) or one.source == Builtin("code") for one in manifest.servers):
        yield None
        return
    async with opened_sandbox(sandbox_options(settings)) as sandbox:
        yield sandbox


def server_boxes(settings: Settings) -> ServerBoxes:
    """Their users come after those of code."""
    return ServerBoxes(settings.sandbox_dir / "servers", settings.sandbox_uid_first + settings.sandbox_slots)


def redacting_for(settings: Settings) -> Callable[[str], str]:
    """What takes personal data out of logs, spans and details."""
    return partial(redact, regions=regions_from(settings.phone_regions))
