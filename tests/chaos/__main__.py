"""python -m tests.chaos --seed 1 --seconds 60 [--replicas 3] [--rate N] [--json FILE] [--keep DIR]: the kill test.

The last line printed is JSON; the exit status is 0 if nothing was lost, doubled, stuck, wrong, or decided otherwise."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.recovery import percentile
from tests.chaos.run import ChaosPlan, Outcome, run_chaos

FINDINGS_SHOWN_MAX = 30


def main() -> int:
    """Run, print, and say by the exit status whether every promise was kept."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
        plan = ChaosPlan(
            seed=options.seed,
            seconds=options.seconds,
            data_dir=options.keep or Path(scratch),
            replicas=options.replicas,
            rate=options.rate,
            workflows=options.workflows,
            drain_seconds=options.drain,
            log_level=options.log_level,
        )
        outcome = asyncio.run(run_chaos(plan))
    summary = summary_of(outcome)
    if options.json is not None:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    _print(outcome)
    print(json.dumps(summary))
    return 0 if is_clean(summary) else 1


def summary_of(outcome: Outcome) -> dict[str, object]:
    """The last line."""
    counts = Counter(finding.kind for finding in outcome.findings)
    return {
        "executions": outcome.executions,
        "kills": len(outcome.kills),
        "lost": counts["lost"],
        "duplicated": counts["duplicated"],
        "stuck": counts["stuck"],
        "wrong": counts["wrong"],
        "recovery_p95_ms": percentile(outcome.recoveries_ms, 0.95),
        "replayed": outcome.replays.decisions,
        "replay_differences": len(outcome.replays.differences),
        "messages": outcome.messages,
        "drained_seconds": round(outcome.drained_seconds, 1),
        "by_kind": {
            "kills": dict(Counter(kill.component for kill in outcome.kills)),
            "endings": dict(outcome.endings.most_common()),
        },
    }


def is_clean(summary: dict[str, object]) -> bool:
    """Whether every promise was kept, and there was something to keep."""
    broken = ("lost", "duplicated", "stuck", "wrong", "replay_differences")
    return not any(summary[name] for name in broken) and bool(summary["executions"]) and bool(summary["kills"])


def _print(outcome: Outcome) -> None:
    for name in sorted({name for name, _ in outcome.ready_seconds}):
        seconds = sorted(took for who, took in outcome.ready_seconds if who == name)
        print(
            f"{name}: ready {len(seconds)} times, after {seconds[len(seconds) // 2]:.1f} s, at most {seconds[-1]:.1f} s"
        )
    for finding in outcome.findings[:FINDINGS_SHOWN_MAX]:
        print(f"{finding.kind}: {'.'.join(finding.key)}: {finding.text}")
    for difference in outcome.replays.differences[:FINDINGS_SHOWN_MAX]:
        print(f"decided otherwise: {difference[:1_000]}")
    for end in outcome.own_ends[:FINDINGS_SHOWN_MAX]:
        print(f"ended by itself: {end[:500]}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things are killed")
    parser.add_argument("--replicas", type=int, default=1, choices=(1, 3), help="NATS servers, and copies of the log")
    parser.add_argument("--rate", type=float, default=4.0, help="conversations and executions a second")
    parser.add_argument("--workflows", type=int, default=40, help="how many random workflows there are")
    parser.add_argument("--drain", type=float, default=60.0, help="seconds to come to rest after the last kill")
    parser.add_argument("--json", type=Path, help="write the summary to this file too")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this directory")
    parser.add_argument("--log-level", default="warning")
    options = parser.parse_args()
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        parser.error(f"{options.keep} is not empty")
    return options


if __name__ == "__main__":
    sys.exit(main())
