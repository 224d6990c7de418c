"""python -m tests.chaos.tools [--split train] [--ids 0,5] [--concurrency N] [--every S] [--json FILE] [--keep DIR]

The retail tasks through the full pipeline, while every `tool_call.execute` is stored and delivered twice, the tool
runner is killed 2 s after each time it is ready and its MCP server every 5 s. The last line is JSON; the exit status is
0 if no effect was there twice and every task ended right."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contracts.conversations import MessageReceived
from contracts.streams import LOG, TOOL_RUNNER
from contracts.tool_calls import ExecuteToolCall, ToolCallFailed, ToolCallOutcomeUnknown
from hil.demo.expected_state import ExpectedStates, ServerState, expected_states, read_state
from hil.demo.prepare import Place, next_place, publish_workflow, wait_for_tools, workflow_source, write_servers_file
from hil.domain_file import Domain, Task, load_domain, shipped_domain
from hil.embedded.plan import ReplayModel, StackPlan
from hil.embedded.stack import Stack, running_stack
from hil.embedded.supervisor import RestartPolicy
from hil.embedded.units import ChildUnit
from hil.turns import Turn, TurnOutcome, send_turn, wait_for_turn
from service_kit.connection import Connection, connected
from service_kit.log import Log
from tests.chaos.tool_kills import ToolKiller
from tests.chaos.tool_verdict import Kind, ToolVerdict, verdict_of
from tests.chaos.twice import Twice
from tests.support.wait_until import wait_until

TENANT = "chaos"
TASK_SECONDS_MAX = 640.0
SETTLED_SECONDS_MAX = 120.0
AT_ONCE = RestartPolicy(delay_seconds_first=0.05, delay_seconds_max=0.05, restarts_max=100_000)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the log of one task holds. `doubled`: every command was stored at least twice; `failed` are the classes of
    calls that failed, and were made again."""

    commands: int
    doubled: bool
    unknown: int
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """All tasks, and what was done to them."""

    verdicts: Sequence[ToolVerdict]
    seen: Sequence[Seen]
    kills: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Shop:
    """The domain on a running system."""

    connection: Connection
    domain: Domain
    place: Place
    workflow: str

    async def play(self, task: Task, states: ExpectedStates) -> tuple[TurnOutcome, ServerState]:
        """One customer: how it ended, and how the shop's database should be then."""
        key = self.place.key(self.domain, task.id)
        outcome, expected = await asyncio.gather(self._talk(task, key), states.after(task, key))
        return outcome, expected

    async def settled(self, tasks: Sequence[Task]) -> None:
        """Every command has come twice, and none is left: what a late copy does is to be seen, too."""
        for task in tasks:
            await wait_until(partial(self._is_doubled, task), timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.2)
        await wait_until(self._is_idle, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.2)

    async def _is_doubled(self, task: Task) -> bool:
        return (await self.seen(task)).doubled

    async def _is_idle(self) -> bool:
        consumer = await self.connection.jetstream.consumer_info(LOG.name, TOOL_RUNNER.name)
        return not consumer.num_pending and not consumer.num_ack_pending

    def verdict(self, task: Task, outcome: TurnOutcome, expected: ServerState, fresh: ServerState) -> ToolVerdict:
        """What the customer's end, the database and the server's call log say of the task."""
        key = self.place.key(self.domain, task.id)
        played = read_state(self.domain, self.place.played, self.domain.state_key(key)) or fresh
        verdict = verdict_of(self.domain, task, outcome, expected=expected, played=played)
        print(f"{task.id}: {verdict.kind.value} {verdict.why}", flush=True)
        return verdict

    async def _talk(self, task: Task, key: str) -> TurnOutcome:
        turn = Turn(TENANT, key, MessageReceived(turn_id="1", text=task.opening, workflow=self.workflow))
        await send_turn(self.connection, turn)
        return await wait_for_turn(self.connection, turn, timeout_seconds=TASK_SECONDS_MAX)

    async def seen(self, task: Task) -> Seen:
        """What the log of its conversation holds."""
        entries = await Log(self.connection).read(TENANT, self.place.key(self.domain, task.id))
        stored = Counter(entry.id for entry in entries if isinstance(entry.message, ExecuteToolCall))
        unknown = {entry.id for entry in entries if isinstance(entry.message, ToolCallOutcomeUnknown)}
        failed = {entry.id: entry.message.error_class for entry in entries if isinstance(entry.message, ToolCallFailed)}
        return Seen(len(stored), all(count >= 2 for count in stored.values()), len(unknown), tuple(failed.values()))


@dataclass(frozen=True, slots=True)
class Load:
    """How customers come: one each `every_seconds`, and no more than `concurrency` are served at once."""

    concurrency: int
    every_seconds: float


async def run(domain_file: Path, tasks: Sequence[str], load: Load, *, split: str, data_dir: Path) -> Played:
    """Must run in the main thread: children are bound to it."""
    domain = load_domain(domain_file)
    chosen = [domain.task(one) for one in tasks] if tasks else domain.tasks_of(split)
    place = next_place(data_dir)
    source, file_name = workflow_source(domain, domain_file)
    plan = StackPlan(
        data_dir=place.data_dir,
        model=ReplayModel(domain_file, ()),
        environment={"TOOL_RUNNER_SERVERS_FILE": str(write_servers_file(domain, place))},
        restarts=AT_ONCE,
    )
    async with (
        running_stack(plan, lambda _: None) as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
    ):
        workflow = await publish_workflow(connection, source, tenant=TENANT, file_name=file_name)
        await wait_for_tools(connection, domain)
        shop = Shop(connection, domain, place, workflow.name)
        return await _under_kills(stack, shop, chosen, load)


async def _under_kills(stack: Stack, shop: Shop, tasks: Sequence[Task], load: Load) -> Played:
    runner = stack.units["tool_runner"]
    assert isinstance(runner, ChildUnit)
    killer = ToolKiller(runner, (str(shop.domain.file.server.command[-1]),))
    slots, began = asyncio.Semaphore(load.concurrency), time.monotonic()
    around = [asyncio.create_task(killer.run()), asyncio.create_task(Twice(shop.connection).run())]

    async def one(place: int, task: Task) -> tuple[TurnOutcome, ServerState]:
        await asyncio.sleep(place * load.every_seconds)
        async with slots:
            return await shop.play(task, states)

    try:
        async with expected_states(shop.domain, shop.place.expected) as states:
            fresh = await states.fresh()
            ended = await asyncio.gather(*(one(place, task) for place, task in enumerate(tasks)))
            await shop.settled(tasks)
    finally:
        for task in around:
            task.cancel()
        raised = await asyncio.gather(*around, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in raised), raised
    verdicts = [shop.verdict(task, *end, fresh) for task, end in zip(tasks, ended, strict=True)]
    seen = [await shop.seen(task) for task in tasks]
    return Played(verdicts, seen, killer.kills, time.monotonic() - began)


def summary_of(played: Played) -> dict[str, object]:
    """The last line."""
    kinds = Counter(verdict.kind for verdict in played.verdicts)
    return {
        "tasks": len(played.verdicts),
        **{kind.value: kinds[kind] for kind in Kind},
        "effects_twice": sum(len(verdict.twice) for verdict in played.verdicts),
        "commands": sum(seen.commands for seen in played.seen),
        "all_delivered_twice": all(seen.doubled for seen in played.seen),
        "unknown_outcomes": sum(seen.unknown for seen in played.seen),
        "failed_attempts": Counter(name for seen in played.seen for name in seen.failed),
        "kills": played.kills,
        "seconds": round(played.seconds, 1),
    }


def is_clean(summary: dict[str, object]) -> bool:
    """Whether every promise was kept, and something was done to break it. A cut write is one person's decision."""
    kept = not summary["wrong"] and not summary["effects_twice"] and summary["cut"] == summary["unknown_outcomes"]
    return kept and bool(summary["all_delivered_twice"]) and all(dict(summary["kills"]).values())  # type: ignore[call-overload]


def main() -> int:
    """Run, print, and say by the exit status whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.tools", description=__doc__)
    parser.add_argument("--split", default="train")
    parser.add_argument("--ids", default="", help="only these tasks")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--every", type=float, default=0.0, help="seconds between one customer and the next")
    parser.add_argument("--json", type=Path, help="write the summary to this file too")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this directory")
    options = parser.parse_args()
    ids = [one for one in options.ids.split(",") if one]
    with tempfile.TemporaryDirectory(prefix="chaos-tools-") as scratch:
        playing = run(
            shipped_domain("retail"),
            ids,
            Load(options.concurrency, options.every),
            split=options.split,
            data_dir=options.keep or Path(scratch),
        )
        played = asyncio.run(playing)
    summary = summary_of(played)
    for verdict in played.verdicts:
        if verdict.kind is Kind.WRONG:
            print(f"wrong: {verdict.task}: {verdict.why} {' '.join(verdict.twice)}")
    if options.json is not None:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
    return 0 if is_clean(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
