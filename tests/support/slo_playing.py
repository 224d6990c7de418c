"""What do the alerts of a scenario do, minute by minute, if analytics judges them?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analytics.domain.alert_rules import AlertRule, BurnAlert, Verdict, bound_verdict, burn_verdict
from analytics.domain.cells import MINUTE_MS, Cell, Subject
from analytics.domain.judge_alerts import AlertState, Phase, Transition, judge
from analytics.domain.measurement import measure
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, count_in
from analytics.domain.silences import Routing
from analytics.domain.traffic import traffic_of
from tests.support.slo_scenarios import Firing, Minute

GOOD_COUNTS = {"executions": 1, "successes": 1, "cost_microdollars": 100_000}
BAD_COUNTS = {"executions": 1, "handovers": 1, "cost_microdollars": 1_000_000}
SETTLED = Settled("log", 0)
SUPPORT = Subject("acme", "executions", "support", "1")


@dataclass
class Played:
    """The alert after the last minute, and all that was announced."""

    state: AlertState = field(default_factory=AlertState)
    transitions: list[Transition] = field(default_factory=list)

    def at(self, *phases: Phase) -> list[int]:
        """The minutes at which one of these phases began."""
        return [transition.at_ms // MINUTE_MS for transition in self.transitions if transition.after in phases]

    def firing(self) -> tuple[Firing, ...]:
        resolved = self.at(Phase.RESOLVED)
        fired = self.at(Phase.FIRING)
        return tuple(zip(fired, [*resolved, *[None] * (len(fired) - len(resolved))], strict=True))


Told = tuple[int, Contribution]


def contributions_of(minutes: Sequence[Minute]) -> list[Told]:
    """Every event as a message of the log, in its order, with its minute."""
    found: list[Told] = []
    for minute, (good, bad) in enumerate(minutes):
        for counts, latency_ms, events in ((GOOD_COUNTS, 1_000, good), (BAD_COUNTS, 60_000, bad)):
            values = {"latency_ms": latency_ms}
            found += [(minute, Contribution(len(found) + n, SUPPORT, counts, values)) for n in range(1, events + 1)]
    return found


def counted(rollups: Iterable[Rollup], contributions: Iterable[Told]) -> list[Rollup]:
    """The rollups after these messages, some of which they may hold already."""
    known = {rollup.cell: rollup for rollup in rollups}
    of_cell: dict[Cell, list[Contribution]] = {}
    for minute, contribution in contributions:
        of_cell.setdefault(Cell(SUPPORT, "minute", minute * MINUTE_MS), []).append(contribution)
    for cell, parts in of_cell.items():
        known[cell], _ = count_in(known.get(cell, Rollup(cell)), Together(parts), SETTLED)
    return list(known.values())


def play(alert: AlertRule, rollups: Sequence[Rollup], *, minutes: int, played: Played | None = None) -> Played:
    """Judge each minute from the first on; what was played before goes on from there."""
    played = played or Played()
    traffic = traffic_of(alert.bound, rollups) if isinstance(alert, BurnAlert) else None
    for now_ms in range(MINUTE_MS, (minutes + 1) * MINUTE_MS, MINUTE_MS):
        verdict = burn_verdict(alert, traffic, ends_ms=now_ms) if traffic else _bound(alert, rollups, now_ms)
        played.state, transition = judge(played.state, verdict, now_ms=now_ms, routing=Routing.ROUTED)
        played.transitions += [transition] if transition else []
    return played


def _bound(alert: AlertRule, rollups: Sequence[Rollup], now_ms: int) -> Verdict:
    assert not isinstance(alert, BurnAlert)
    window = alert.window_seconds
    return bound_verdict(alert, measure(alert.bound.metric, rollups, window_seconds=window, ends_ms=now_ms))
