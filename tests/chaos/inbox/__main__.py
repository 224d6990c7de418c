"""python -m tests.chaos.inbox [--seed 1] [--seconds 60] [--json FILE] [--keep DIR]: the inbox under kills.

Two inboxes, each killed 1 to 3 s after it was last ready: two people race for each conversation and each approval,
write, reply and resolve; some take a conversation and never come back. The last line is JSON; the exit status is 0 if
no log breaks a promise and requests were cut by kills."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import aiohttp

from hil.embedded.plan import OneProcessEach, StackPlan
from hil.embedded.services import SERVICES
from hil.embedded.supervisor import RestartPolicy
from orchestrator.adapters.workflow_registry import opened
from service_kit.connection import connected
from tests.chaos.forked_stack import child_of, forked_stack
from tests.chaos.inbox.agents import REQUEST_SECONDS, Crew, Desks
from tests.chaos.inbox.scene import PERSON, QUESTION, Scene
from tests.chaos.inbox.verdict import broken_promises
from tests.chaos.inbox_kills import InboxKiller
from tests.support.inbox_token import give_token
from tests.support.kit import TENANT

LIVES_SECONDS = (1.0, 3.0)
INBOXES = ("hil_inbox", "hil_inbox-2")
AT_ONCE = RestartPolicy(delay_seconds_first=0.05, delay_seconds_max=0.05, restarts_max=100_000)
SETTINGS = {
    "HIL_INBOX_UNDO_MS": "300",
    "HIL_INBOX_LEASE_SECONDS": "3",
    "HIL_INBOX_GRACE_SECONDS": "2",
    "HIL_INBOX_LOG_LEVEL": "warning",
    "ORCHESTRATOR_LOG_LEVEL": "warning",
    "PYTHONDONTWRITEBYTECODE": "",  # Empty is off: else every start would compile all modules again.
}


async def run(seconds: float, *, seed: int, data_dir: Path) -> dict[str, object]:
    """Must run in the main thread: children are bound to it."""
    kept = tuple(service for service in SERVICES if service.name in ("orchestrator", "hil_inbox"))
    layout = OneProcessEach(replicas={"hil_inbox": 2})
    plan = StackPlan(data_dir=data_dir, layout=layout, environment=SETTINGS, restarts=AT_ONCE, services=kept)
    token = await give_token(f"sqlite:///{data_dir}/stores/hil_inbox.sqlite3")
    began = time.monotonic()
    async with (
        forked_stack(plan, INBOXES, "hil_inbox") as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS)) as session,
    ):
        async with opened(connection) as registry:
            for source in (PERSON, QUESTION):
                await registry.publish_as_default(source.encode(), tenant=TENANT, file_name="chaos.yaml")
        random = Random(seed)
        desks = Desks(session, [stack.endpoints[name] for name in INBOXES], token, random)
        scene = Scene(connection, Crew(desks))
        killer = InboxKiller([child_of(stack, name) for name in INBOXES], random, LIVES_SECONDS)
        async with scene.somebody_stays():
            killing = asyncio.create_task(killer.run())
            try:
                await scene.play(seconds)
            finally:
                killing.cancel()
            print(f"all served after {time.monotonic() - began:.0f} s", flush=True)
            await scene.until_idle()
            logs = await scene.logs()
            await scene.note_shown(logs)
            broken = [*broken_promises(scene.crew.told, logs), *await scene.broken_presence(), *killer.own_ends]
    return _summary(scene.crew, killer, broken, seconds=round(time.monotonic() - began, 1))


def _summary(crew: Crew, killer: InboxKiller, broken: list[str], *, seconds: float) -> dict[str, object]:
    told = crew.told.values()
    return {
        "conversations": len(told),
        "broken": broken,
        "kills": killer.kills,
        "claims": sum(len(one.claims) for one in told),
        "replies": sum(len(one.replies) for one in told),
        "verdicts": sum(len(one.verdicts) for one in told),
        "rehomed": sum(len(one.left) for one in told),
        "cut": crew.desks.cut,
        "asked_again": crew.desks.asked_again,
        "seconds": seconds,
    }


def is_clean(summary: dict[str, object]) -> bool:
    """Whether every promise was kept, and something was done to break it."""
    return not summary["broken"] and all(
        summary[name] for name in ("kills", "cut", "claims", "replies", "verdicts", "rehomed")
    )


def main() -> int:
    """Run, print, and say by the exit status whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.inbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long customers come, eight at once")
    parser.add_argument("--json", type=Path, help="write the summary to this file too")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-inbox-") as scratch:
        playing = run(options.seconds, seed=options.seed, data_dir=(options.keep or Path(scratch)).absolute())
        summary = asyncio.run(playing)
    if options.json is not None:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
    return 0 if is_clean(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
