"""`hil bench tools`: what does a tool call take in the tool runner, beside the tool's own library?"""

import asyncio
import itertools
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
import yaml
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from contracts.envelope import BasedOn, Identity
from contracts.subjects import Subject
from contracts.tool_calls import ExecuteToolCall
from hil.bench.load import Ends, Timing, cpu_seconds, put_through
from hil.bench.sandbox import SandboxFigures, measure_sandbox
from hil.embedded.nats_server import NatsServer, start_nats
from hil.embedded.ports import free_port
from hil.embedded.processes import Child, Command
from hil.embedded.redis_server import RedisServer, start_redis
from service_kit.bus import publish
from service_kit.connection import connected
from service_kit.streams import ensure_streams
from tool_runner.adapters.manifest_file import load_manifest
from tool_runner.adapters.mcp_client import McpServer
from tool_runner.adapters.seal import Seal
from tool_runner.adapters.tool_registry import RegisteredTool
from tool_runner.app import bus, runner_on
from tool_runner.domain.outcome import Done
from tool_runner.handlers.pipeline import carry_out
from tool_runner.handlers.runner import CallInHand, Runner
from tool_runner.settings import Settings

TENANT = "bench"
LEDGER_KEY = "the ledger of a measurement"
WARM_UP = 100
IN_FLIGHT = 64
HANGING = 150
SERVERS = [
    {
        "name": "read",
        "defaults": {"cost_usd": 0, "side_effect": "read"},
        "tools": {"nothing": {"python": "hil.bench.tool_functions:nothing"}},
    },
    {
        "name": "write",
        "defaults": {"cost_usd": 0, "side_effect": "write"},
        "tools": {"nothing": {"python": "hil.bench.tool_functions:nothing"}},
    },
    {
        "name": "adder",
        "command": ["python", "-m", "hil.bench.adder_server"],
        "defaults": {"cost_usd": 0, "side_effect": "read"},
    },
    {
        "name": "stuck",
        "command": ["python", "-m", "hil.bench.adder_server"],
        "defaults": {"cost_usd": 0, "side_effect": "read"},
    },
]
MANIFEST = {"grants": [{"name": "bench", "tools": ["*"], "when": ["number >= `0` || a >= `0`"]}], "servers": SERVERS}


@dataclass(frozen=True, slots=True)
class ToolFigures(SandboxFigures):
    """CPU is that of the tool runner alone. `pipeline` is a call from its command to its recorded end, without the bus;
    `runner` is all of the process, with the bus. Latencies are those of calls one after the other; `beside_stuck` while
    the calls of another server hang, `alone` before that."""

    pipeline_cpu_us: float
    pipeline_write_cpu_us: float
    runner_cpu_us: float
    python_tool_calls_per_s: float
    alone_p99_ms: float
    beside_stuck_p99_ms: float
    pipeline_p50_ms: float
    sdk_p50_ms: float
    mcp_p50_ms: float
    mcp_added_ms: float
    redis_write_p50_ms: float


@dataclass(frozen=True, slots=True)
class ToolsBench:
    """One measurement of `calls` calls each, with its servers in `directory`."""

    directory: Path
    calls: int

    def figures(self) -> ToolFigures:
        """Everything, each on servers that nobody else uses. Raises SandboxUnavailable before anything else starts."""
        boxed = uvloop.run(measure_sandbox(self.directory / "sandbox"))
        nats, redis = start_nats(self.directory / "nats"), start_redis(self.directory / "redis")
        manifest = self.directory / "tools.yaml"
        manifest.write_text(yaml.safe_dump(MANIFEST))
        try:
            inside = uvloop.run(self._inside(_settings(nats, redis, manifest)))
            outside = uvloop.run(self._outside(_settings(nats, redis, manifest)))
        finally:
            redis.stop()
            nats.stop()
        return ToolFigures(**asdict(boxed), **inside, **outside)

    async def _inside(self, settings: Settings) -> dict[str, float]:
        """The pipeline in this process, without the bus; the SDK's own calls in turn with ours."""
        manifest = load_manifest(settings.servers_file, search_path=os.environ["PATH"])
        seal = Seal(settings.ledger_secret.get_secret_value())
        parameters = StdioServerParameters(command=sys.executable, args=["-m", "hil.bench.adder_server"])
        async with (
            bus(settings) as connection,
            runner_on(connection, settings, manifest, seal=seal, vault=None, sandbox=None) as runner,
            Client(stdio_client(parameters)) as sdk,
        ):
            adder = runner.servers["adder"]
            assert isinstance(adder, McpServer)
            await adder.settled.wait()
            call = Calls(runner)
            figures = {
                "pipeline_cpu_us": await self._cpu_us(lambda: call.made("read.nothing", {"number": 1})),
                "pipeline_write_cpu_us": await self._cpu_us(lambda: call.made("write.nothing", {"number": 1})),
            }
            timed = await self._timed(
                pipeline_p50_ms=lambda: call.made("read.nothing", {"number": 1}),
                sdk_p50_ms=lambda: sdk.session.call_tool("add", {"a": 1, "b": 2}),
                mcp_p50_ms=lambda: call.made("adder.add", {"a": 1, "b": 2}),
                redis_write_p50_ms=lambda: runner.ledger.redis.set("bench", 1),
            )
        return {**figures, **timed, "mcp_added_ms": timed["mcp_p50_ms"] - timed["sdk_p50_ms"]}

    async def _cpu_us(self, make: Callable[[], Awaitable[object]]) -> float:
        """CPU of this process for a call, so many in flight at once."""
        await _all_of(make, WARM_UP)
        before = time.process_time()
        await _all_of(make, self.calls)
        return (time.process_time() - before) / self.calls * 1e6

    async def _timed(self, **kinds: Callable[[], Awaitable[object]]) -> dict[str, float]:
        """Medians in milliseconds, each kind in turn with the others: what disturbs one disturbs all."""
        took: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(-10, max(50, self.calls // 10)):
            for name, make in kinds.items():
                began = time.perf_counter()
                await make()
                if number >= 0:
                    took[name].append((time.perf_counter() - began) * 1_000)
        return {name: statistics.median(times) for name, times in took.items()}

    async def _outside(self, settings: Settings) -> dict[str, float]:
        """The service as a process of its own, asked over the bus."""
        environment = {f"TOOL_RUNNER_{name.upper()}": value for name, value in _fields(settings).items()}
        command = Command(
            "runner",
            (sys.executable, "-m", "tool_runner"),
            self.directory / "runner.log",
            {**os.environ, **environment},
        )
        runner = Child(command)
        async with connected(settings.nats_url, service="bench") as connection:
            await ensure_streams(connection.jetstream)
            ends = Ends()
            await ends.listen(connection.client, f"hil.evt.tool_call.completed.v1.{TENANT}.*")

            async def start(key: str, tool: str = "read.nothing") -> None:
                message = _command(tool, {"number": 1}, key)
                await publish(connection, message, Identity(TENANT, key, f"{key}/call", key))

            async def load(name: str, calls: int, concurrency: int = IN_FLIGHT) -> Timing:
                return await put_through(
                    start, ends, keys=[f"{name}{n}" for n in range(calls)], concurrency=concurrency
                )

            runner.start()
            try:
                await load("first", 1)
                await load("warm", WARM_UP)
                before = cpu_seconds(runner.pid)
                timing = await load("c", self.calls)
                cpu = cpu_seconds(runner.pid) - before
                alone = await load("alone", self.calls // 10, 1)
                for number in range(HANGING):
                    await start(f"stuck{number}", "stuck.hang")
                beside = await load("beside", self.calls // 10, 1)
            finally:
                runner.stop()
        return {
            "runner_cpu_us": cpu / self.calls * 1e6,
            "python_tool_calls_per_s": timing.executions_per_s,
            "alone_p99_ms": alone.p99_ms,
            "beside_stuck_p99_ms": beside.p99_ms,
        }


class Calls:
    """Makes calls as the handler does, each a call of its own."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._numbers = itertools.count()

    async def made(self, tool: str, arguments: dict[str, int]) -> None:
        """One call to its recorded end."""
        key = f"k{next(self._numbers)}"
        registered = self._runner.registry.find(tool)
        assert isinstance(registered, RegisteredTool), registered
        call = CallInHand(
            command=_command(tool, arguments, key),
            command_id=f"{key}/call",
            place=_place(key),
            stored_ms=time.time_ns() // 1_000_000,
            sequence=1,
            registered=registered,
            arguments=dict(arguments),
        )
        ended = await carry_out(call, self._runner)
        assert isinstance(ended.verdict, Done), ended


async def _all_of(make: Callable[[], Awaitable[object]], calls: int) -> None:
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await make()

    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))


def _command(tool: str, arguments: dict[str, int], key: str) -> ExecuteToolCall:
    return ExecuteToolCall(
        node="bench",
        agent="bench",
        workflow="bench",
        tool_call_id="1",
        tool=tool,
        arguments=dict(arguments),
        tools_allowed=("read.*", "write.*", "adder.*", "stuck.*"),
        idempotency_key=f"{key}/1",
        entity="customer",
        timeout_ms=60_000,
        based_on=BasedOn(now_ms=1, fence=0),
    )


def _place(key: str) -> Subject:
    return Subject("cmd", "tool_call.execute", 1, TENANT, key)


def _settings(nats: NatsServer, redis: RedisServer, manifest: Path) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": nats.url,
            "redis_url": redis.url,
            "servers_file": manifest,
            "ledger_secret": LEDGER_KEY,
            "log_level": "warning",
            "http_port": free_port(),
        }
    )


def _fields(settings: Settings) -> dict[str, str]:
    names = ("nats_url", "redis_url", "servers_file", "log_level", "http_port")
    return {**{name: str(getattr(settings, name)) for name in names}, "ledger_secret": LEDGER_KEY}
