"""python -m tests.chaos.inbox [--seed 1] [--conversations 60] [--json FILE] [--keep DIR]

Two inboxes under load, each killed 1 to 3 s after it was last ready: two people race for each conversation and each
approval, write, reply and resolve; some take a conversation and never come back. The last line is JSON; the exit status
is 0 if no log breaks a promise and the inboxes were killed at all."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import aiohttp

from contracts.conversations import MessageReceived
from contracts.envelope import LogEntry
from contracts.handovers import HandoverReleased, OpenApproval, OpenHandover
from hil.embedded.plan import OneProcessEach, StackPlan
from hil.embedded.services import SERVICES
from hil.embedded.stack import Stack, running_stack
from hil.embedded.supervisor import RestartPolicy
from hil.embedded.units import ChildUnit
from hil.turns import Turn, send_turn
from orchestrator.adapters.workflow_registry import opened
from service_kit.connection import Connection, connected
from service_kit.log import Log
from tests.chaos.inbox_agents import Crew, Desks
from tests.chaos.inbox_verdict import broken_promises
from tests.support.inbox_token import give_token
from tests.support.kit import TENANT
from tests.support.wait_until import wait_until

LIVES_SECONDS = (1.0, 3.0)
POLL_SECONDS = 0.05
SETTLED_SECONDS_MAX = 60.0
EVERY_SECONDS = 0.25
"""Between one customer and the next, so that each inbox dies while somebody is served."""
LEFT_EVERY = 10
INBOXES = ("hil_inbox", "hil_inbox-2")
AT_ONCE = RestartPolicy(delay_seconds_first=0.05, delay_seconds_max=0.05, restarts_max=100_000)
SETTINGS = {
    "HIL_INBOX_UNDO_MS": "300",
    "HIL_INBOX_LEASE_SECONDS": "2",
    "HIL_INBOX_GRACE_SECONDS": "2",
    "HIL_INBOX_LOG_LEVEL": "warning",
    "ORCHESTRATOR_LOG_LEVEL": "warning",
    "PYTHONDONTWRITEBYTECODE": "",  # Empty is off: else every start would compile all modules again.
}
PERSON = """
name: person
version: 1.0.0
workflow:
  nodes:
    - {id: always, type: rule, expression: "turn.text"}
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human, reason: customer_request}
  edges:
    - {from: always, to: HANDOVER, condition: "output"}
    - {from: always, to: FINISH, condition: "!output"}
"""
QUESTION = """
name: question
version: 1.0.0
limits: {deadline_ms: 600000, timeout_ms: 600000}
workflow:
  nodes:
    - id: ask
      type: human
      ask: "May it be done?"
      limits: {timeout_ms: 600000}
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: ask, to: FINISH, condition: "output"}
    - {from: ask, to: HANDOVER, condition: "!output"}
"""

Asked = TypeVar("Asked", OpenApproval, OpenHandover)


@dataclass(slots=True)
class Killer:
    """SIGKILL for each inbox, again and again; the stack's supervisor starts it anew."""

    units: Sequence[ChildUnit]
    random: Random
    kills: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for unit in self.units:
                group.create_task(self._one(unit))

    async def _one(self, unit: ChildUnit) -> None:
        while True:
            if unit.alive and await unit.is_ready():
                await asyncio.sleep(self.random.uniform(*LIVES_SECONDS))
                unit.kill()
                self.kills += 1
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Scene:
    """A running system and the people who work in it."""

    connection: Connection
    crew: Crew

    async def play(self, number: int) -> None:
        """One customer: most want a person, every third needs a decision, some get a person who goes away."""
        key = f"c{number}"
        workflow = "question" if number % 3 == 2 else "person"
        turn = Turn(TENANT, key, MessageReceived(turn_id="1", text=f"hello {number}", workflow=workflow))
        await send_turn(self.connection, turn)
        if workflow == "question":
            approval = await self._first(key, OpenApproval)
            return await self.crew.decide(key, approval.approval_id)
        handover = await self._first(key, OpenHandover)
        if number % LEFT_EVERY == 0:
            return await self.crew.leave(key, handover.handover_id, "gone")
        await self.crew.serve(key, handover.handover_id)

    async def logs(self) -> dict[str, list[LogEntry]]:
        """Of every conversation that somebody was told something about."""
        return {key: await Log(self.connection).read(TENANT, key) for key in self.crew.told}

    async def is_rehomed(self) -> bool:
        """Everything that the one who went away had is back in its queue."""
        logs = await self.logs()
        left = [key for key, told in self.crew.told.items() if told.left]
        return all(any(isinstance(entry.message, HandoverReleased) for entry in logs[key]) for key in left)

    async def _first(self, key: str, kind: type[Asked]) -> Asked:
        found: list[Asked] = []

        async def there() -> bool:
            entries = await Log(self.connection).read(TENANT, key)
            found[:] = [entry.message for entry in entries if isinstance(entry.message, kind)]
            return bool(found)

        await wait_until(there, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.1)
        return found[0]


async def run(conversations: int, *, seed: int, data_dir: Path) -> dict[str, object]:
    """Must run in the main thread: children are bound to it."""
    kept = tuple(service for service in SERVICES if service.name in ("orchestrator", "hil_inbox"))
    layout = OneProcessEach(replicas={"hil_inbox": 2})
    plan = StackPlan(data_dir=data_dir, layout=layout, environment=SETTINGS, restarts=AT_ONCE, services=kept)
    token = await give_token(f"sqlite:///{data_dir}/stores/hil_inbox.sqlite3")
    began = time.monotonic()
    async with (
        running_stack(plan, lambda _: None) as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        async with opened(connection) as registry:
            for source in (PERSON, QUESTION):
                await registry.publish_as_default(source.encode(), tenant=TENANT, file_name="chaos.yaml")
        random = Random(seed)
        urls = [stack.endpoints[name] for name in INBOXES]
        scene = Scene(connection, Crew(Desks(session, urls, token, random), seed))
        killer = Killer([_child(stack, name) for name in INBOXES], random)
        killing = asyncio.create_task(killer.run())
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, conversations + 1):
                    group.create_task(scene.play(number))
                    await asyncio.sleep(EVERY_SECONDS)
            await wait_until(scene.is_rehomed, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.3)
        finally:
            killing.cancel()
        broken = broken_promises(scene.crew.told, await scene.logs())
    told = scene.crew.told.values()
    return {
        "conversations": conversations,
        "broken": broken,
        "kills": killer.kills,
        "claims": sum(len(one.claims) for one in told),
        "replies": sum(len(one.replies) for one in told),
        "verdicts": sum(len(one.verdicts) for one in told),
        "rehomed": sum(len(one.left) for one in told),
        "asked_again": scene.crew.desks.asked_again,
        "seconds": round(time.monotonic() - began, 1),
    }


def is_clean(summary: dict[str, object]) -> bool:
    """Whether every promise was kept, and something was done to break it."""
    return not summary["broken"] and all(
        summary[name] for name in ("kills", "claims", "replies", "verdicts", "rehomed")
    )


def main() -> int:
    """Run, print, and say by the exit status whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.inbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--conversations", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write the summary to this file too")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-inbox-") as scratch:
        playing = run(options.conversations, seed=options.seed, data_dir=(options.keep or Path(scratch)).absolute())
        summary = asyncio.run(playing)
    if options.json is not None:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
    return 0 if is_clean(summary) else 1


def _child(stack: Stack, name: str) -> ChildUnit:
    unit = stack.units[name]
    assert isinstance(unit, ChildUnit)
    return unit


if __name__ == "__main__":
    sys.exit(main())
