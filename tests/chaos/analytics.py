"""python -m tests.chaos.analytics [--events 200000] [--lives 2] [--seed 1] [--json FILE]

Counting under kills: the service killed some seconds after each time that it is ready, until the whole log is counted,
with every twentieth end of an execution stored twice in the log; then every tenth conversation is archived, and all
figures are counted anew under the same kills. The last line is JSON; the exit status is 0 if all figures equal an
independent count, to the event and the micro-dollar, before, while and after they are counted anew."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from analytics.adapters.generation_documents import GenerationDocuments
from analytics.domain.generations import asked_for
from document_store import opened_store
from hil.bench.analytics import count_errors, microdollar_errors, summary, worth_differences
from hil.bench.analytics_questions import declare
from hil.bench.analytics_stack import AnalyticsStack, fill_log
from hil.bench.analytics_story import TENANT
from hil.bench.analytics_tally import DIMENSIONS, Tally
from service_kit.archive import Archive
from service_kit.connection import connected
from service_kit.log import Log

REPEATED_EACH = 20
ARCHIVED_EACH, ARCHIVED_MAX = 10, 300
CONVERSATIONS_ASKED = 300
LIVES_MAX = 200


@dataclass(frozen=True, slots=True)
class Wrong:
    """Differences from the independent count: in a period that is read as minutes alone, in one that is read as
    minutes, hours and days, in costs, in all kinds of figures, in what conversations were worth and in the arms of an
    experiment, and in conversations."""

    minutes: int
    rest: int
    microdollars: int
    figures: int
    worth: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of it. `meanwhile_wrong`: what the old figures told wrongly while they were counted anew."""

    events: int
    kills: int
    wrong: Wrong
    archived: int
    rebuild_kills: int
    meanwhile_wrong: int
    rebuilt_wrong: Wrong
    seconds: float

    @property
    def is_right(self) -> bool:
        return not (
            any(asdict(self.wrong).values()) or any(asdict(self.rebuilt_wrong).values()) or self.meanwhile_wrong
        )


async def count_under_kills(directory: Path, *, events: int, lives: float, seed: int) -> Counted:
    """Fill a log, count it, kill on the way; archive some of it, count it anew, kill on the way."""
    stack, began = AnalyticsStack(directory), time.monotonic()
    stack.start_server()
    try:
        tally, last = await fill_log(stack.server, events, seed=seed, repeated_each=REPEATED_EACH)
        await declare(stack.server.url, started_ms=time.time_ns() // 1_000_000)
        kills = await _count(stack, last, lives=lives)
        wrong = await _wrong(stack, tally, seed=seed)
        archived = await _archive(stack, tally)
        rebuild_kills, meanwhile = await _rebuild(stack, tally, lives=lives)
        return Counted(
            events=last,
            kills=kills,
            wrong=wrong,
            archived=archived,
            rebuild_kills=rebuild_kills,
            meanwhile_wrong=meanwhile,
            rebuilt_wrong=await _wrong(stack, tally, seed=seed + 1),
            seconds=round(time.monotonic() - began, 1),
        )
    finally:
        stack.stop()


async def _count(stack: AnalyticsStack, last: int, *, lives: float) -> int:
    kills = 0
    await stack.start_service()
    while not await stack.is_counted(last, within_seconds=lives):
        stack.service.kill()
        kills += 1
        await stack.start_service()
    return kills


async def _archive(stack: AnalyticsStack, tally: Tally) -> int:
    """Some conversations out of the log, as the archiver takes them."""
    chosen = list(tally.conversations)[::ARCHIVED_EACH][:ARCHIVED_MAX]
    async with connected(stack.server.url, service="chaos") as connection:
        for key in chosen:
            entries = await Log(connection).read(TENANT, key)
            await Archive(connection).store(TENANT, key, entries)
            await Archive(connection).purge(TENANT, key, entries[-1].sequence)
    return len(chosen)


async def _rebuild(stack: AnalyticsStack, tally: Tally, *, lives: float) -> tuple[int, int]:
    """(kills, what was told wrongly before the new figures took over)"""
    kills = wrong = 0
    async with opened_store(stack.store_url) as store:
        documents = GenerationDocuments(store)
        asked = await documents.change(lambda known: asked_for(known, accepts_losses=False, number=int(time.time())))
        while True:
            deadline = time.monotonic() + lives
            while time.monotonic() < deadline:
                if (await documents.load())[0].serving == asked.newest:
                    return kills, wrong
                await asyncio.sleep(0.05)
            found = await summary(stack, since=time.time() - 3 * 86_400)
            wrong += count_errors(found, tally) + microdollar_errors(found, tally)
            stack.service.kill()
            kills += 1
            if kills > LIVES_MAX:
                raise TimeoutError(f"not counted anew in {kills} lives: {(await documents.load())[0]}")
            await stack.start_service()


async def _wrong(stack: AnalyticsStack, tally: Tally, *, seed: int) -> Wrong:
    now = time.time()
    minutes = await summary(stack, since=now - 50 * 60, until=now)  # Less than an hour holds no full one, mostly.
    days = await summary(stack, since=now - 3 * 86_400, until=now + 2 * 86_400)
    figures = 0
    for family, dimensions in DIMENSIONS.items():
        asked = {"figures": family, "metrics": ["counts"], "dimensions": list(dimensions), "limit": 10_000}
        answer = await stack.answered("/v1/query", asked)
        figures += tally.differences(family, answer["rows"])
    keys = random.Random(seed).sample(list(tally.conversations), min(CONVERSATIONS_ASKED, len(tally.conversations)))
    told = [(key, await stack.answered(f"/v1/conversations/{TENANT}/{key}")) for key in keys]
    return Wrong(
        minutes=count_errors(minutes, tally),
        rest=count_errors(days, tally),
        microdollars=microdollar_errors(minutes, tally) + microdollar_errors(days, tally),
        figures=figures,
        worth=await worth_differences(stack, tally, since=now - 3 * 86_400),
        conversations=sum(tally.conversation_differences(key, found) for key, found in told),
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.analytics", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--lives", type=float, default=2.0, help="seconds from ready to the kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hil-chaos-") as directory:
        counting = count_under_kills(Path(directory), events=asked.events, lives=asked.lives, seed=asked.seed)
        found = asyncio.run(counting)
    text = json.dumps(asdict(found))
    if asked.json is not None:
        asked.json.write_text(text + "\n")
    print(text)
    return 0 if found.is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
