"""`hil bench core`: executions a second through orchestrator, log and a no-op worker, beside the bare floor."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import nats
import uvloop

from contracts.envelope import Identity
from contracts.executions import StartExecution
from contracts.streams import LOG
from hil.bench import floor
from hil.bench.load import Ends, Timing, cpu_seconds, put_through
from hil.embedded.nats_server import NatsServer, start_nats
from hil.embedded.ports import free_port
from hil.embedded.processes import Child, Command
from orchestrator.adapters.workflow_registry import opened
from service_kit.bus import publish
from service_kit.connection import Connection, connected
from service_kit.streams import ensure_streams

TENANT = "bench"
INPUT = {"text": "z" * 230}
WARM_UP = 200
Start = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CoreFigures:
    """Per execution where it says so; `ratio_to_floor` is ours by the floor's executions a second."""

    executions: int
    concurrency: int
    nodes: int
    sync: str
    executions_per_s: float
    p50_ms: float
    p99_ms: float
    floor_executions_per_s: float
    floor_p50_ms: float
    ratio_to_floor: float
    orchestrator_cpu_us: float
    server_cpu_us: float
    worker_cpu_us: float
    stored_messages: float
    stored_bytes: float


@dataclass(frozen=True, slots=True)
class CoreBench:
    """One measurement with its servers in `directory`."""

    directory: Path
    executions: int
    concurrency: int
    nodes: int
    sync: str

    def figures(self) -> CoreFigures:
        """First the floor, then ours, each on a fresh server."""
        bare = self._floor()
        ours, costs = self._ours()
        return CoreFigures(
            executions=self.executions,
            concurrency=self.concurrency,
            nodes=self.nodes,
            sync=self.sync,
            executions_per_s=ours.executions_per_s,
            p50_ms=ours.p50_ms,
            p99_ms=ours.p99_ms,
            floor_executions_per_s=bare.executions_per_s,
            floor_p50_ms=bare.p50_ms,
            ratio_to_floor=ours.executions_per_s / bare.executions_per_s,
            **costs,
        )

    def _child(self, name: str, *arguments: str, **environment: str) -> Child:
        command = Command(
            name,
            (sys.executable, "-m", *arguments),
            self.directory / f"{name}.log",
            {**os.environ, **environment},
        )
        return Child(command)

    def _floor(self) -> Timing:
        server = start_nats(self.directory / "floor", sync=self.sync)
        roles = [
            self._child(f"floor-{r}", "hil.bench.floor", r, server.url, str(self.nodes))
            for r in ("orchestrator", "worker")
        ]
        try:
            return uvloop.run(self._measure_floor(server, roles))
        finally:
            for child in roles:
                child.stop()
            server.stop()

    async def _measure_floor(self, server: NatsServer, roles: list[Child]) -> Timing:
        async with await nats.connect(server.url) as client:
            jetstream = client.jetstream(publish_async_max_pending=4_000)
            await floor.prepare(jetstream)
            for child in roles:
                child.start()
            ends = Ends()
            await ends.listen(client, f"{floor.END}.*")
            body = json.dumps({"step": 0, "payload": floor.PAYLOAD}).encode()

            async def start(key: str) -> None:
                await (await jetstream.publish_async(f"{floor.START}.{key}", body, headers={"Nats-Msg-Id": key}))

            await self._warm_up(start, ends)
            return await self._load(start, ends)

    def _ours(self) -> tuple[Timing, dict[str, float]]:
        server = start_nats(self.directory / "ours", sync=self.sync)
        environment = {"ORCHESTRATOR_NATS_URL": server.url, "ORCHESTRATOR_HTTP_PORT": str(free_port())}
        orchestrator = self._child("orchestrator", "orchestrator", **environment)
        worker = self._child("worker", "hil.bench.worker", server.url)
        try:
            return uvloop.run(self._measure_ours(server, orchestrator, worker))
        finally:
            for child in (orchestrator, worker):
                child.stop()
            server.stop()

    async def _measure_ours(
        self, server: NatsServer, orchestrator: Child, worker: Child
    ) -> tuple[Timing, dict[str, float]]:
        async with connected(server.url, service="bench") as connection:
            await ensure_streams(connection.jetstream)
            await self._publish_workflow(connection)
            orchestrator.start()
            worker.start()
            ends = Ends()
            await ends.listen(connection.client, f"hil.evt.execution.finished.v1.{TENANT}.*")

            async def start(key: str) -> None:
                await publish(
                    connection, StartExecution(workflow="bench", input=INPUT), Identity(TENANT, key, key, key)
                )

            await self._warm_up(start, ends)
            before = await self._costs(connection, server, orchestrator, worker)
            timing = await self._load(start, ends)
            after = await self._costs(connection, server, orchestrator, worker)
            return timing, {name: (after[name] - before[name]) / self.executions for name in after}

    async def _load(self, start: Start, ends: Ends) -> Timing:
        """The load, once everybody is warm."""
        keys = [f"e{number}" for number in range(self.executions)]
        return await put_through(start, ends, keys=keys, concurrency=self.concurrency)

    async def _warm_up(self, start: Start, ends: Ends) -> None:
        await put_through(start, ends, keys=["first"], concurrency=1)
        keys = [f"w{number}" for number in range(WARM_UP)]
        await put_through(start, ends, keys=keys, concurrency=min(WARM_UP, self.concurrency))

    async def _publish_workflow(self, connection: Connection) -> None:
        async with opened(connection) as registry:
            await registry.publish_as_default(workflow_source(self.nodes), tenant=TENANT, file_name="bench.yaml")

    async def _costs(
        self, connection: Connection, server: NatsServer, orchestrator: Child, worker: Child
    ) -> dict[str, float]:
        state = (await connection.jetstream.stream_info(LOG.name)).state
        return {
            "orchestrator_cpu_us": cpu_seconds(orchestrator.pid) * 1e6,
            "server_cpu_us": cpu_seconds(server.pid) * 1e6,
            "worker_cpu_us": cpu_seconds(worker.pid) * 1e6,
            "stored_messages": float(state.last_seq),
            "stored_bytes": float(state.bytes),
        }


def workflow_source(nodes: int) -> bytes:
    """`nodes` completions in a row."""
    names = [f"n{number}" for number in range(nodes)]
    lines = [f"    - {{id: {name}, agent: a}}" for name in names]
    edges = [f"    - {{from: {one}, to: {other}}}" for one, other in zip(names, [*names[1:], "FINISH"], strict=True)]
    return "\n".join(
        [
            "name: bench",
            "version: 1.0.0",
            "agents:",
            "  a: {kind: simple, profile: fast, prompt: Answer}",
            "workflow:",
            "  nodes:",
            *lines,
            "    - {id: FINISH, type: sink, action: finish_conversation}",
            "    - {id: HANDOVER, type: sink, action: handover_to_human}",
            "  edges:",
            *edges,
        ]
    ).encode()
