"""`python -m tests.bench.statistics`: how often are experiments judged wrongly, and how soon rightly?

Every experiment is looked at every day for 14 days by the code that judges real ones; conversations are drawn with a
known truth (tests/support/simulated_experiments.py). Ends with 1 if a limit is not kept.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.support.simulated_experiments import (
    DAYS,
    EXPERIMENT,
    SUCCESS,
    Effect,
    first_verdict,
    is_covered,
    is_found_by_peeking,
    reports,
    split_looks,
)

BOTH = EXPERIMENT.model_copy(update={"metrics": ("success_rate", "cost_usd")})
PER_DAY = 200
SPLIT_PER_LOOK, SPLIT_LOOKS = 1_000, 60
LIFTS = (-0.05, -0.03, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07)
LIMITS = {
    "aa_false_verdicts": ("at most", 0.05),
    "coverage_no_difference": ("at least", 0.95),
    "coverage_difference": ("at least", 0.95),
    "split_50_50_false_alarms": ("at most", 0.002),
    "split_52_48_found": ("at least", 0.95),
}
Figures = dict[str, float | int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print, and write JSON."""
    asked = _arguments().parse_args(arguments)
    random = np.random.default_rng(asked.seed)
    figures: Figures = {"experiments": asked.experiments, "looks": DAYS, "conversations": PER_DAY * DAYS}
    figures |= _false_verdicts(random, asked.experiments) | _coverage(random, asked.experiments)
    figures |= _splits(random, asked.experiments)
    for lift in LIFTS:
        figures |= _power(random, lift, max(50, asked.experiments // 10))
    broken = [name for name in LIMITS if not _is_kept(name, figures[name])]
    for name, value in figures.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        limit = f"   {LIMITS[name][0]} {LIMITS[name][1]:g}" if name in LIMITS else ""
        print(f"{name:<38} {shown:>8}{limit}{'   NOT KEPT' if name in broken else ''}")
    if asked.json:
        asked.json.write_text(json.dumps({**figures, "broken": broken}, indent=2) + "\n")
    return int(bool(broken))


def _is_kept(name: str, value: float | int | None) -> bool:
    kind, limit = LIMITS[name]
    assert value is not None, f"{name} was not measured"
    return value <= limit if kind == "at most" else value >= limit


def _false_verdicts(random: np.random.Generator, experiments: int) -> Figures:
    """No difference at all: any verdict is a false one."""
    verdicts = [first_verdict(reports(random, per_day=PER_DAY))[0] for _ in range(experiments)]
    peeking = sum(is_found_by_peeking(random) for _ in range(experiments))
    return {
        "aa_false_verdicts": (verdicts.count("pass") + verdicts.count("fail")) / experiments,
        "aa_false_pass": verdicts.count("pass") / experiments,
        "aa_false_fail": verdicts.count("fail") / experiments,
        "aa_usual_test_looked_at_daily": peeking / experiments,
    }


def _coverage(random: np.random.Generator, experiments: int) -> Figures:
    """Experiments of which every interval, of both metrics at all looks, held the truth."""
    effects = {"coverage_no_difference": Effect(), "coverage_difference": Effect(success=0.03, cost_factor=0.8)}
    return {
        name: sum(is_covered(reports(random, effect, experiment=BOTH), effect) for _ in range(experiments))
        / experiments
        for name, effect in effects.items()
    }


def _splits(random: np.random.Generator, experiments: int) -> Figures:
    """60 looks, after each 1,000 conversations."""
    even, uneven = (
        [split_looks(random, share, per_look=SPLIT_PER_LOOK, looks_max=SPLIT_LOOKS) for _ in range(experiments)]
        for share in (0.50, 0.52)
    )
    found = [one.ours * SPLIT_PER_LOOK for one in uneven if one.ours is not None]
    return {
        "split_50_50_false_alarms": sum(one.ours is not None for one in even) / experiments,
        "split_50_50_chi_square_at_each_look": sum(one.chi_square is not None for one in even) / experiments,
        "split_52_48_found": len(found) / experiments,
        "split_52_48_found_after_median": round(statistics.median(found)) if found else None,
    }


def _power(random: np.random.Generator, lift: float, experiments: int) -> Figures:
    """A success rate of 90 % that changes by this much."""
    verdicts = [first_verdict(reports(random, Effect(success=lift), per_day=PER_DAY)) for _ in range(experiments)]
    right = "pass" if lift > 0 else "fail"
    days = [day for verdict, day in verdicts if verdict == right and day is not None]
    name = f"success_{SUCCESS:.0%}_to_{SUCCESS + lift:.0%}_{right}"
    return {name: len(days) / experiments, f"{name}_day_median": round(statistics.median(days)) if days else None}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.statistics", description=__doc__.split("\n")[0])
    parser.add_argument("--experiments", type=int, default=2_000, help="Of each kind; a tenth of that for power.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
