"""`python -m tests.bench.kpi_intervals`: how often do the intervals of KPIs hold the truth?

Simulated traffic whose truth is known: executions in blocks of time, some blocks busier and better than others. An
interval of 95 % that holds the truth in fewer than 90 of 100 cases is a failure (exit 1); money with a long tail is
known to be the hardest, and is held to 88.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from random import Random

from analytics.domain.bootstrap import Blocks, Interval, Pairing, difference_interval, ratio, ratio_interval

Draw = Callable[[Random, float], float]
"""One execution's value, given by which factor, 1 on average, its block is out of the ordinary."""


@dataclass(frozen=True)
class Scenario:
    """`unrest` is by how much blocks differ beyond chance."""

    name: str
    value: Draw
    mean: float
    blocks: int = 48
    executions_a_block: float = 20
    unrest: float = 0.1
    least: float = 0.90


@dataclass(frozen=True)
class Coverage:
    """Shares of trials in which the interval held the truth, and how wide it was by the mean."""

    scenario: str
    trials: int
    ratio: float
    other_time: float
    same_time: float
    width: float
    least: float

    @property
    def is_kept(self) -> bool:
        return min(self.ratio, self.other_time, self.same_time) >= self.least


def time_saved(random: Random, mood: float) -> float:
    return 300 - random.lognormvariate(3.3, 0.6) * mood


def conversion(random: Random, mood: float) -> float:
    return float(random.random() < 0.05 * mood)


def revenue(random: Random, mood: float) -> float:
    return random.lognormvariate(4, 1) if random.random() < 0.1 * mood else 0.0


TIME_MEAN = 300 - math.exp(3.3 + 0.6**2 / 2)
SALE_MEAN = 0.1 * math.exp(4 + 1 / 2)
SCENARIOS = (
    Scenario("time saved, two days of hours", time_saved, TIME_MEAN),
    Scenario("time saved, a day of hours", time_saved, TIME_MEAN, blocks=24),
    Scenario("time saved, 12 blocks", time_saved, TIME_MEAN, blocks=12),
    Scenario("conversion of 5 %", conversion, 0.05),
    Scenario("conversion of 5 %, 3 executions a block", conversion, 0.05, executions_a_block=3),
    Scenario("conversion of 5 %, blocks differ by a third", conversion, 0.05, unrest=0.3),
    Scenario("conversion of 5 %, a day of hours", conversion, 0.05, blocks=24),
    Scenario("revenue with a long tail, a day of hours", revenue, SALE_MEAN, blocks=24, least=0.88),
    Scenario("revenue with a long tail", revenue, SALE_MEAN, least=0.88),
)


def measure(scenario: Scenario, trials: int, seed: int) -> Coverage:
    """Both sides of a comparison have the same truth, so the true difference is 0."""
    random = Random(seed)
    held = {"ratio": 0, "other_time": 0, "same_time": 0}
    widths = []
    for _ in range(trials):
        moods = [random.gauss(1, scenario.unrest) for _ in range(scenario.blocks)]
        first, second = (traffic(random, scenario, moods) for _ in range(2))
        apart = traffic(random, scenario, [random.gauss(1, scenario.unrest) for _ in moods])
        found = ratio_interval(first)
        assert found is not None, "every scenario has enough blocks"
        widths.append((found.high - found.low) / abs(ratio(first) or 1))
        held["ratio"] += holds(found, scenario.mean)
        held["other_time"] += holds(difference_interval(first, apart, Pairing.OTHER_TIME), 0)
        held["same_time"] += holds(difference_interval(first, second, Pairing.SAME_TIME), 0)
    shares = {name: count / trials for name, count in held.items()}
    return Coverage(scenario.name, trials, **shares, width=sum(widths) / trials, least=scenario.least)


def traffic(random: Random, scenario: Scenario, moods: Sequence[float]) -> Blocks:
    """Busy and quiet blocks in turn."""
    blocks = []
    for number, mood in enumerate(moods):
        busy = scenario.executions_a_block * (1.6 if number % 2 else 0.4)
        count = int(random.expovariate(1 / busy)) + 1
        blocks.append((sum(scenario.value(random, max(0.1, mood)) for _ in range(count)), float(count)))
    return blocks


def holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    found = [measure(scenario, options.trials, options.seed) for scenario in SCENARIOS]
    print(f"{'intervals of 95 % hold the truth in':42} {'ratio':>7} {'before/after':>13} {'versions':>9} {'width':>7}")
    for one in found:
        shares = f"{one.ratio:7.1%} {one.other_time:13.1%} {one.same_time:9.1%} {one.width:7.1%}"
        print(f"{one.scenario:42} {shares}{'' if one.is_kept else f'  under {one.least:.0%}'}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump([asdict(one) for one in found], file, indent=2)
    return 0 if all(one.is_kept for one in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
