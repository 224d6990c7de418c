"""python -m tests.chaos.feed [--subscribers 200] [--events 10000] [--rate 100] [--lives 20] [--seed 1] [--json FILE]

The feed under kills: two inboxes killed some time after each time that they are ready, nats-server killed in the
middle, subscribers who leave at random and come back to either inbox. The last line is JSON; the exit status is 0 if
every subscriber was told everything once, in order, and ends with what a fresh snapshot says."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import aiohttp

from contracts.conversations import MessageReceived
from contracts.envelope import Identity, Message, derive_message_id
from hil.desktop.scenario import scenario
from hil.embedded.plan import OneProcessEach, StackPlan
from hil.embedded.services import SERVICES
from hil.embedded.stack import Stack
from hil.embedded.supervisor import RestartPolicy, wait_ready
from hil.embedded.units import ChildUnit
from service_kit.bus import publish
from service_kit.connection import Connection, connected
from service_kit.errors import RetryLater
from tests.chaos.feed.followers import Follower, Told
from tests.chaos.feed.snapshot import fresh_snapshot, told_sequences, until_settled
from tests.chaos.feed.verdict import FeedVerdict, judge
from tests.chaos.forked_stack import child_of, forked_stack
from tests.chaos.inbox_kills import InboxKiller
from tests.support.inbox_token import give_token
from tests.support.kit import TENANT

INBOXES = ("hil_inbox", "hil_inbox-2")
LEAVES = 20
"""About so often each subscriber leaves."""
CATCH_UP_SECONDS_MAX = 900.0
OTHER_TENANT_EACH, OTHER_KEYS = 10, 20
AT_ONCE = RestartPolicy(delay_seconds_first=0.05, delay_seconds_max=0.05, restarts_max=100_000)
SETTINGS = {
    "HIL_INBOX_LOG_LEVEL": "warning",
    "HIL_INBOX_FEED_HEARTBEAT_SECONDS": "0.5",
    "PYTHONDONTWRITEBYTECODE": "",  # Empty is off: else every start would compile all modules again.
}


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """How much is told to how many; `rate` in events a second, `lives` how long an inbox is left alone."""

    subscribers: int
    events: int
    rate: float
    lives: float
    seed: int


async def run(plan: FeedPlan, *, data_dir: Path) -> dict[str, object]:
    """Must run in the main thread: children are bound to it."""
    kept = tuple(service for service in SERVICES if service.name == "hil_inbox")
    # The ring holds everything: who is slow on a busy machine is late, and not told to begin anew.
    environment = {**SETTINGS, "HIL_INBOX_FEED_EVENTS_MAX": str(max(1_000, 3 * plan.events))}
    layout = OneProcessEach(replicas={"hil_inbox": 2})
    stack_plan = StackPlan(data_dir=data_dir, layout=layout, environment=environment, restarts=AT_ONCE, services=kept)
    token = await give_token(f"sqlite:///{data_dir}/stores/hil_inbox.sqlite3")
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        forked_stack(stack_plan, INBOXES, "hil_inbox") as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        return await _under_kills(plan, stack, connection, session=session, token=token)


async def _under_kills(
    plan: FeedPlan, stack: Stack, connection: Connection, *, session: aiohttp.ClientSession, token: str
) -> dict[str, object]:
    began = time.monotonic()
    urls, told = [stack.endpoints[name] for name in INBOXES], Told()
    last: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    followers = [
        Follower(
            session, urls, _desk(f"desk-{number}", token), Random(f"{plan.seed}/{number}"), told, LEAVES / plan.events
        )
        for number in range(plan.subscribers)
    ]
    following = [asyncio.create_task(one.follow(lambda at: last.done() and at >= last.result())) for one in followers]
    try:
        killer = await _publish_under_kills(plan, stack, connection)
        expected = await told_sequences(connection)
    except BaseException:
        for task in following:
            task.cancel()
        raise
    last.set_result(expected[-1])
    print(f"{expected[-1]} messages after {time.monotonic() - began:.0f} s", flush=True)
    done, unfinished = await asyncio.wait(following, timeout=CATCH_UP_SECONDS_MAX)
    for task in done:
        task.result()
    for task in unfinished:
        task.cancel()
    snapshots = [await fresh_snapshot(session, url, _desk("desk-0", token)) for url in urls]
    verdict = judge([(one.ids, one.state) for one in followers], expected=expected, snapshot=snapshots[0])
    return {
        **_summary(followers, verdict, told),
        "expected": len(expected),
        "unfinished": len(unfinished),
        "snapshots_equal": snapshots[0] == snapshots[1],
        "kills": killer.kills,
        "own_ends": killer.own_ends,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _publish_under_kills(plan: FeedPlan, stack: Stack, connection: Connection) -> InboxKiller:
    """Returns when all is stored, the kills have stopped, and the inboxes owe nothing any more."""
    lives = (0.5 * plan.lives, 1.5 * plan.lives)
    killer = InboxKiller([child_of(stack, name) for name in INBOXES], Random(plan.seed), lives)
    killing = asyncio.create_task(killer.run())
    try:
        await _publish(plan, connection, child_of(stack, "nats"))
    finally:
        killing.cancel()
    for name in INBOXES:
        await wait_ready(stack.units[name], timeout_seconds=120)
    await until_settled(connection)
    return killer


def _summary(followers: Sequence[Follower], verdict: FeedVerdict, told: Told) -> dict[str, object]:
    return {
        "subscribers": len(followers),
        **asdict(verdict),
        "resets": [reason for one in followers for reason in one.resets],
        "differing": sorted(told.differing),
        "told": sum(len(one.ids) for one in followers),
        "came_back": sum(one.came_back for one in followers),
    }


async def _publish(plan: FeedPlan, connection: Connection, nats: ChildUnit) -> None:
    """The scenario, at its rate; in the middle the bus is killed. Another tenant speaks in between."""
    story = scenario(plan.seed, tenant=TENANT, events=plan.events, conversations=max(10, plan.events // 25))
    began = time.monotonic()
    for number, (message, identity) in enumerate(story):
        if number == plan.events // 2:
            nats.kill()  # Whoever supervises it starts it again.
        await _stored(connection, message, identity)
        if number % OTHER_TENANT_EACH == 0:
            other = Identity("other", f"c{number % OTHER_KEYS}", derive_message_id(f"other/{number}", "chaos"), "chaos")
            await _stored(connection, MessageReceived(turn_id=str(number), text="not yours"), other)
        await asyncio.sleep(max(0.0, began + number / plan.rate - time.monotonic()))


async def _stored(connection: Connection, message: Message, identity: Identity) -> None:
    while True:
        try:
            await publish(connection, message, identity)
            return
        except RetryLater:
            continue  # Waited for 25 s already.


def is_clean(summary: dict[str, object]) -> bool:
    """Whether nothing is wrong, and something was done that might have made it so."""
    wrong = ("gaps", "repeats", "disorder", "strange", "wrong_states", "resets", "differing", "unfinished", "own_ends")
    done = ("subscribers", "expected", "told", "kills", "came_back", "snapshots_equal")
    return not any(summary[name] for name in wrong) and all(summary[name] for name in done)


def main() -> int:
    """Run, print, and say by the exit status whether every subscriber ended right."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.feed", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100.0, help="events a second")
    parser.add_argument(
        "--lives", type=float, default=20.0, help="seconds before an inbox is killed, half to 1.5 times"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the summary to this file too")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this directory")
    options = parser.parse_args()
    plan = FeedPlan(options.subscribers, options.events, options.rate, options.lives, options.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-feed-") as scratch:
        summary = asyncio.run(run(plan, data_dir=(options.keep or Path(scratch)).absolute()))
    if options.json is not None:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
    return 0 if is_clean(summary) else 1


def _desk(actor_id: str, token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Hil-Actor": actor_id}


if __name__ == "__main__":
    sys.exit(main())
