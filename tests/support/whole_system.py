"""How does a test run the whole system around a model that does what the customer says, and judge what came of it?"""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from nats.js.errors import NoKeysError

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.handovers import OpenHandover
from hil.dead_letters import DeadLetter, dead_letters
from hil.embedded.plan import AllInThisProcess, OneProcessEach, StackPlan
from hil.embedded.stack import Stack, running_stack
from hil.embedded.supervisor import RestartPolicy
from hil.embedded.units import ChildUnit
from hil.replay_model.script import Rule
from hil.replay_model.server import ReplayModel
from hil.turns import Turn, TurnOutcome, send_turn, wait_for_turn
from orchestrator.adapters.workflow_registry import opened
from orchestrator.domain.replay import replay
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection, connected
from service_kit.errors import RetryLater
from service_kit.log import Log
from tests.support import analytics_token
from tests.support.inbox_token import give_token
from tests.support.mcp_counter import effects
from tests.support.planned_model import PlannedModel
from tests.support.programs import Ended, run_program
from tests.support.wait_until import wait_until

TENANT = "acme"
COUNTER = Path(__file__).with_name("mcp_counter.py")
SHOP = """
name: shop
version: 1.0.0
limits:
  max_cost: 1.00
  deadline_ms: 120000
  timeout_ms: 60000
  max_retries: 3
  retry_backoff: {kind: exponential, base_ms: 500}
agents:
  helper: {kind: reasoning, profile: balanced, tools: [shop.*, desk.*], prompt: Help the customer.}
workflow:
  nodes:
    - {id: help, agent: helper, limits: {max_iterations: 20}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: help.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human, skills: [shop]}
  edges:
    - {from: help, to: FINISH}
hil:
  transfer_tools: [desk.transfer]
  customer_request_phrases: []
  skills: [shop]
"""


@dataclass
class WholeSystem:
    """A running system. `connection` is a client's."""

    stack: Stack
    model: ReplayModel
    connection: Connection
    effects_file: Path
    tokens: Mapping[str, str] = field(repr=False)
    workflows: dict[str, Workflow] = field(default_factory=dict)

    def unit(self, name: str) -> ChildUnit:
        unit = self.stack.units[name]
        assert isinstance(unit, ChildUnit)
        return unit

    def plan_faults(self, *rules: Rule) -> None:
        """What the model does before it does what customers say."""
        self.model.script = PlannedModel(rules)

    def effects(self) -> list[str]:
        """Values that the tool server has appended, in order."""
        return [str(effect["value"]) for effect in effects(self.effects_file)]

    def effects_of(self, key: str) -> list[str]:
        """Those that start with a key."""
        return [value for value in self.effects() if value.startswith(f"{key}-")]

    async def publish_workflow(self, source: str, *, route: bool = False) -> Workflow:
        async with opened(self.connection) as registry:
            workflow = await registry.publish_as_default(source.encode(), tenant=TENANT, file_name="test.yaml")
            if route:
                await registry.set_route(TENANT, workflow.name)
        self.workflows[workflow.content_hash] = workflow
        return workflow

    async def write(self, key: str, text: str, *, turn: str = "1", workflow: str | None = None) -> Turn:
        """Send a customer's message, trying again until the bus has it, as a client application does."""
        sent = Turn(TENANT, key, MessageReceived(turn_id=turn, text=text, workflow=workflow))
        for _ in range(4):
            try:
                await send_turn(self.connection, sent)
            except RetryLater:
                continue
            return sent
        raise AssertionError(f"the bus did not take {sent.id}")

    async def outcome(self, turn: Turn, *, seconds: float = 60) -> TurnOutcome:
        """What became of it; fails where nothing did in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                outcome = await wait_for_turn(self.connection, turn, timeout_seconds=left)
            except RetryLater:  # The bus is away, as some tests want it.
                continue
            if outcome.is_over:
                return outcome
        entries = await self.log(turn.key)
        raise AssertionError(f"{turn.key} is not over after {seconds} s: {[_short(entry) for entry in entries]}")

    async def ask(self, key: str, text: str, **fields: str) -> TurnOutcome:
        return await self.outcome(await self.write(key, text, **fields))

    async def http(
        self,
        service: str,
        path: str,
        body: object = None,
        *,
        command_id: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of a GET, or of a POST where there is a body (bytes go as they are). The inbox is asked with
        a desk's token; `more` headers say for which agent (`as_agent`). Analytics is asked with a token, too."""
        headers = {} if command_id is None else {"Idempotency-Key": command_id}
        headers |= dict(more or {}) | self._authorization(service)
        content = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        sent = {} if body is None else {"data": content}
        headers |= {} if body is None else {"content-type": "application/json"}
        url = f"{self.stack.endpoints[service]}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request("GET" if body is None else "POST", url, headers=headers, **sent) as answer,
        ):
            return answer.status, None if answer.status == 204 else await answer.json()

    def _authorization(self, service: str) -> dict[str, str]:
        token = self.tokens.get(service)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    async def log(self, key: str) -> list[LogEntry]:
        return await Log(self.connection).read(TENANT, key)

    async def messages(self, kind: type[Message], key: str) -> list[Message]:
        return [entry.message for entry in await self.log(key) if isinstance(entry.message, kind)]

    async def dead_letters(self) -> list[DeadLetter]:
        return [letter async for letter in dead_letters(self.connection)]

    async def assert_ended_once(self, turns: Iterable[Turn]) -> None:
        """Each turn ends in one message to the customer or one handover, and its decisions come out again alike."""
        for turn in turns:
            entries = await self.log(turn.key)
            of_turn = [e.message for e in entries if getattr(e.message, "turn_id", None) == turn.message.turn_id]
            answers = [m for m in of_turn if isinstance(m, MessageSent | OpenHandover)]
            endings = [m for m in of_turn if isinstance(m, ExecutionFinished)]
            assert (len(answers), len(endings)) == (1, 1), [_short(entry) for entry in entries]
            assert replay(turn.tenant, turn.key, entries, self.workflows).differences == ()
        assert [(letter.subject, letter.reason) for letter in await self.dead_letters()] == []

    async def hil(self, *arguments: str) -> Ended:
        """Run the command as a person would."""
        environment = {"HIL_DATA_DIR": str(self.stack.plan.data_dir)}
        return await run_program(sys.executable, "-m", "hil", *arguments, environment=environment)


def _short(entry: LogEntry) -> str:
    message = entry.message
    detail = getattr(message, "error_class", None) or getattr(message, "reason", None) or ""
    return f"{entry.sequence} {message.route.name if message else '?'} {detail}".strip()


@asynccontextmanager
async def whole_system(
    data_dir: Path,
    *,
    layout: OneProcessEach | AllInThisProcess | None = None,
    restarts: RestartPolicy | None = None,
    environment: Mapping[str, str] | None = None,
    workflows: Sequence[str] = (),
    servers: Sequence[Mapping[str, object]] = (),
) -> AsyncIterator[WholeSystem]:
    """Everything, ready, with the workflow `shop` as the tenant's route, and its tools listed. `servers` of tools come
    beside the shop and the desk."""
    effects_file = data_dir / "effects"
    async with ReplayModel(PlannedModel()) as model:
        plan = StackPlan(
            data_dir,
            layout=layout or OneProcessEach(),
            restarts=restarts or RestartPolicy(),
            environment={
                "LLM_GATEWAY_PROVIDER_URL": model.url,
                "LLM_GATEWAY_PROVIDER_TRUSTED_WITH_PII": "true",  # It reads its plan out of what customers say.
                "TOOL_RUNNER_SERVERS_FILE": str(_with_servers(_servers_file(data_dir, effects_file), servers)),
                "ORCHESTRATOR_BREAKER_FAILURES_MIN": "0",  # One test's failures are not another's.
                **(environment or {}),
            },
        )
        async with (
            running_stack(plan, lambda _: None) as stack,
            connected(stack.endpoints["nats"], service="client") as connection,
        ):
            stores = f"sqlite:///{stack.plan.data_dir}/stores"
            tokens = {
                "hil_inbox": await give_token(f"{stores}/hil_inbox.sqlite3"),
                "analytics": await analytics_token.give_token(f"{stores}/analytics.sqlite3"),
            }
            system = WholeSystem(stack, model, connection, effects_file, tokens)
            await system.publish_workflow(SHOP, route=True)
            for source in workflows:
                await system.publish_workflow(source)
            await _tools_are_listed(connection)
            yield system


def _servers_file(data_dir: Path, effects_file: Path) -> Path:
    shop = {
        "name": "shop",
        "command": ["python", str(COUNTER)],
        "env": {"COUNTER_FILE": str(effects_file)},
        "defaults": {"cost_usd": 0},
        "tools": {"append": {"idempotency_argument": "key"}, "slow": {"side_effect": "read"}},
    }
    desk = {
        "name": "desk",
        "defaults": {"cost_usd": 0},
        "tools": {"transfer": {"python": "tests.support.desk_tools:transfer", "side_effect": "write"}},
    }
    file = data_dir / "servers.yaml"
    file.write_text(yaml.safe_dump({"grants": [{"name": "all", "tools": ["*"]}], "servers": [shop, desk]}))
    return file


def _with_servers(file: Path, more: Sequence[Mapping[str, object]]) -> Path:
    manifest = yaml.safe_load(file.read_text())
    manifest["servers"] += map(dict, more)
    file.write_text(yaml.safe_dump(manifest))
    return file


async def _tools_are_listed(connection: Connection) -> None:
    bucket = await connection.jetstream.key_value("hil_tools")

    async def listed() -> bool:
        try:
            return {"shop.append", "desk.transfer"} <= set(await bucket.keys())
        except NoKeysError:
            return False

    await wait_until(listed, timeout_seconds=30, every_seconds=0.1)


def json_rows(ended: Ended) -> list[dict[str, object]]:
    """What a command printed with --json."""
    return [json.loads(line) for line in ended.out.splitlines()]
