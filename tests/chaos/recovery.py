"""How long after a kill does a component store its next message?"""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil

from tests.chaos.kills import Kill


def recoveries_ms(kills: Sequence[Kill], line: Sequence[tuple[int, str]]) -> list[int]:
    """For each kill the time to the first message of that component after it; of nats-server, to the first of anybody.
    `line` is (log time, source). Kills after which a component had nothing more to store are left out."""
    sources = {"nats-server": None, "orchestrator": "orchestrator", "llm-gateway": "llm-gateway"}
    waits = []
    for component in {kill.component for kill in kills}:
        source = sources.get(component, component)
        times = sorted(at for at, who in line if source is None or who == source)
        for kill in kills:
            index = bisect_right(times, kill.at_ms)
            if kill.component == component and index < len(times):
                waits.append(times[index] - kill.at_ms)
    return sorted(waits)


def percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest value that `share` of all do not exceed; `values` in order."""
    return values[max(0, ceil(share * len(values)) - 1)] if values else None
