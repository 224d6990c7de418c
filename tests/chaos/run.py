"""How does one kill test go: start, load and kill, come to rest, judge?"""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml
from nats.errors import Error as NatsError

from contracts.executions import ExecutionFinished
from contracts.streams import HIL_INBOX_COMMANDS, LLM_GATEWAY, LOG, ORCHESTRATOR, TOOL_RUNNER
from contracts.workflow_facts import EVERY_TENANT
from hil.embedded.supervisor import stop_all
from hil.replay_model.server import ReplayModel
from orchestrator.adapters.workflow_file import load_workflow
from orchestrator.adapters.workflow_registry import opened
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection, connected
from service_kit.streams import ensure_streams
from tests.chaos.check import Evidence, Finding, findings
from tests.chaos.client import Client
from tests.chaos.generate import generate
from tests.chaos.history import History, timers_due
from tests.chaos.kills import Kill, Killer, start_all
from tests.chaos.load import asked
from tests.chaos.model import DirectedModel
from tests.chaos.people import People
from tests.chaos.recovery import recoveries_ms
from tests.chaos.replay import Replays, replay_all
from tests.chaos.simulate import simulate
from tests.chaos.system import System, prepare_system

CONSUMERS = (ORCHESTRATOR, LLM_GATEWAY, TOOL_RUNNER, HIL_INBOX_COMMANDS)
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """`rate` is conversations and executions asked for a second; `drain_seconds` bounds the coming to rest."""

    seed: int
    seconds: float
    data_dir: Path
    replicas: int = 1
    rate: float = 4.0
    workflows: int = 40
    drain_seconds: float = 60.0
    log_level: str = "warning"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, and what of it should not have."""

    executions: int
    kills: tuple[Kill, ...]
    own_ends: tuple[str, ...]
    ready_seconds: tuple[tuple[str, float], ...]
    findings: tuple[Finding, ...]
    replays: Replays
    recoveries_ms: tuple[int, ...]
    endings: Counter[str]
    messages: int
    drained_seconds: float


async def run_chaos(plan: ChaosPlan) -> Outcome:
    """One kill test from start to judgement. Must run in the main thread: children are bound to it."""
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    async with ReplayModel(DirectedModel()) as model:
        system = prepare_system(plan.data_dir, provider_url=model.url, replicas=plan.replicas, log_level=plan.log_level)
        try:
            await start_all([*system.nats.values(), system.redis])
            async with connected(system.urls, service="client") as connection:
                await ensure_streams(connection.jetstream, replicas=plan.replicas)
                return await _run(plan, system, connection)
        finally:
            await stop_all([unit for unit in system.services.values() if unit.alive], grace_seconds=10.0)
            await stop_all([unit for unit in system.units if unit.alive], grace_seconds=5.0)


async def _run(plan: ChaosPlan, system: System, connection: Connection) -> Outcome:
    workflows = await _publish_workflows(plan, connection)
    await start_all(list(system.services.values()))
    history, killer = History(), Killer(time.monotonic() + plan.seconds)
    client = Client(connection, history)
    people = People(client, plan.seed)
    following = asyncio.create_task(_follow(connection, history, people))
    loading = asyncio.create_task(_load(plan, client, people, until=killer.until))
    await _kill(plan, system, connection, killer)
    client.stopping.set()
    began = time.monotonic()
    tasks = await loading
    await _rest(tasks, people, connection, until=began + plan.drain_seconds)
    drained = time.monotonic() - began
    if following.done():
        following.result()  # It never ends by itself: what it raised ends the test.
    following.cancel()
    evidence = await _evidence(plan, system, connection, client)
    return Outcome(
        executions=len(evidence.executions),
        kills=tuple(killer.kills),
        own_ends=tuple(killer.own_ends),
        ready_seconds=tuple(killer.ready_seconds),
        findings=tuple(findings(evidence)),
        replays=replay_all(evidence.logs, workflows),
        recoveries_ms=tuple(recoveries_ms(killer.kills, history.line)),
        endings=_endings(history),
        messages=len(history.line),
        drained_seconds=drained,
    )


async def _publish_workflows(plan: ChaosPlan, connection: Connection) -> dict[str, Workflow]:
    """By content hash."""
    published = {}
    async with opened(connection) as registry:
        for number in range(plan.workflows):
            source = generate(f"{plan.seed}/{number}", f"w{number}")
            workflow = await registry.publish_as_default(source, tenant=EVERY_TENANT, file_name=f"w{number}.yaml")
            published[workflow.content_hash] = load_workflow(source, file_name=f"w{number}.yaml")
    return published


async def _follow(connection: Connection, history: History, people: People) -> None:
    while True:
        found = await history.read_on(connection)
        for stored in found:
            people.see(stored)
        await asyncio.sleep(0 if found else POLL_SECONDS)


async def _load(plan: ChaosPlan, client: Client, people: People, *, until: float) -> list[asyncio.Task[None]]:
    """Begin something new again and again; the tasks that go on."""
    random, number = Random(f"{plan.seed}/rate"), 0
    tasks: list[asyncio.Task[None]] = []
    while time.monotonic() < until:
        for one in asked(plan.seed, number, plan.workflows):
            tasks.append(asyncio.create_task(client.perform(one, people.take_over)))
        number += 1
        await asyncio.sleep(random.expovariate(plan.rate))
    return tasks


async def _kill(plan: ChaosPlan, system: System, connection: Connection, killer: Killer) -> None:
    """Returns when the time is over and everything is ready again."""

    async def leader() -> str | None:
        try:
            info = await connection.jetstream.stream_info(LOG.name)
        except (NatsError, TimeoutError):
            return None
        return info.cluster.leader if info.cluster is not None else None

    async with asyncio.TaskGroup() as group:
        group.create_task(killer.servers(system, Random(f"{plan.seed}/nats"), leader))
        for name, unit in system.services.items():
            if name != "hil-inbox":
                component = name.rstrip("-12")
                group.create_task(killer.service(unit, component, Random(f"{plan.seed}/{name}")))


async def _rest(tasks: list[asyncio.Task[None]], people: People, connection: Connection, *, until: float) -> None:
    """Wait until everything that was asked has its end and no consumer has anything left, at most until `until`."""
    while time.monotonic() < until:
        waiting = await _waiting(connection)
        if all(task.done() for task in tasks) and not people.tasks and not any(waiting.values()):
            break
        await asyncio.sleep(0.25)
    for task in (*tasks, *people.tasks):
        task.cancel()
    ended = await asyncio.gather(*tasks, *people.tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception):
            raise result


async def _waiting(connection: Connection) -> dict[str, int]:
    waiting = {}
    for spec in CONSUMERS:
        try:
            info = await connection.jetstream.consumer_info(LOG.name, spec.name)
            waiting[spec.name] = (info.num_pending or 0) + (info.num_ack_pending or 0)
        except (NatsError, TimeoutError):
            waiting[spec.name] = 1
    return waiting


async def _evidence(plan: ChaosPlan, system: System, connection: Connection, client: Client) -> Evidence:
    while await client.history.read_on(connection):
        continue
    documents = {
        f"w{number}": yaml.safe_load(generate(f"{plan.seed}/{number}", f"w{number}"))
        for number in range(plan.workflows)
    }
    return Evidence(
        acknowledged=client.acknowledged,
        executions=client.executions,
        expected={one: simulate(documents[one.workflow], one.place) for one in client.executions},
        logs=client.history.logs,
        effects=_effects(system.effects_file),
        timers_due=await timers_due(connection),
        waiting=await _waiting(connection),
        now_ms=time.time_ns() // 1_000_000,
    )


def _effects(path: Path) -> list[tuple[str | None, str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [(effect["key"], effect["value"]) for effect in map(json.loads, lines)]


def _endings(history: History) -> Counter[str]:
    messages = (stored.entry.message for log in history.logs.values() for stored in log)
    return Counter(m.reason or m.sink for m in messages if isinstance(m, ExecutionFinished))
