"""python -m tests.chaos.analytics [--events 200000] [--lives 2] [--seed 1] [--json FILE]

Counting under kills: the service killed some seconds after each time that it is ready, until the whole log is counted,
with every twentieth end of an execution stored twice in the log. The last line is JSON; the exit status is 0 if figures
of minutes, hours and days equal an independent count, to the event and the micro-dollar."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hil.bench.analytics import count_errors, microdollar_errors, summary
from hil.bench.analytics_stack import AnalyticsStack, fill_log
from hil.bench.analytics_story import Tally

REPEATED_EACH = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of it. `minutes_wrong` and `rest_wrong`: differences in a period that is read as minutes alone, and in
    one that is read as minutes, hours and days."""

    events: int
    kills: int
    minutes_wrong: int
    rest_wrong: int
    microdollars_wrong: int
    seconds: float

    @property
    def is_right(self) -> bool:
        return not (self.minutes_wrong or self.rest_wrong or self.microdollars_wrong)


async def count_under_kills(directory: Path, *, events: int, lives: float, seed: int) -> Counted:
    """Fill a log, count it, kill on the way."""
    stack, began, kills = AnalyticsStack(directory), time.monotonic(), 0
    stack.start_server()
    try:
        tally, last = await fill_log(stack.server, events, seed=seed, repeated_each=REPEATED_EACH)
        await stack.start_service()
        while not await stack.is_counted(last, within_seconds=lives):
            stack.service.kill()
            kills += 1
            await stack.start_service()
        return await _judged(stack, tally, kills=kills, last=last, seconds=time.monotonic() - began)
    finally:
        stack.stop()


async def _judged(stack: AnalyticsStack, tally: Tally, *, kills: int, last: int, seconds: float) -> Counted:
    now = time.time()
    minutes = await summary(stack, since=now - 50 * 60, until=now)  # Less than an hour holds no full one, mostly.
    days = await summary(stack, since=now - 3 * 86_400, until=now + 2 * 86_400)
    return Counted(
        events=last,
        kills=kills,
        minutes_wrong=count_errors(minutes, tally),
        rest_wrong=count_errors(days, tally),
        microdollars_wrong=microdollar_errors(minutes, tally) + microdollar_errors(days, tally),
        seconds=round(seconds, 1),
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
