"""Given an alert's state and one more judged minute, what is its state now, and what is to be announced?

Judging goes by the log: a minute is judged once, in order, when the log is counted through its end. So
- messages that are delivered again change no rollup (`count_in`), and a minute that was judged is not judged again:
  a replay announces nothing and takes nothing back;
- an event that is counted late counts in every window that holds its minute and is judged after that.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from analytics.domain.alert_rules import FOR_SECONDS, KEEP_FIRING_SECONDS, Verdict
from analytics.domain.burn_rates import HOUR, MINUTE
from analytics.domain.cells import MINUTE_MS
from analytics.domain.silences import Routing

MINUTES_MAX: Final = 2 * HOUR // MINUTE
"""Minutes that are made up for after a pause. That is more than an alert needs to fire, to be resolved and to have no
data; whoever hears of what began and ended before that can do nothing any more."""


class Phase(StrEnum):
    """Where an alert stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    """It fired and is over; until it is pending again, or there is no data."""
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class AlertState:
    """Of one alert, after the minute that ended at `judged_ms`. A new alert has seen no data."""

    phase: Phase = Phase.NO_DATA
    since_ms: int = 0
    judged_ms: int = 0
    not_met_since_ms: int | None = None
    """While firing: since when the condition has not been met."""
    told_firing: bool = False
    """What the receiver heard last."""


@dataclass(frozen=True, slots=True)
class Transition:
    """To be announced; sent to the receiver of alerts only if routed. `before` and `after` are the same where an alert
    has stood so for a while and the receiver, from whom it was kept, may be told now."""

    before: Phase
    after: Phase
    at_ms: int
    routed: bool


def judge(
    state: AlertState, verdict: Verdict, *, now_ms: int, routing: Routing
) -> tuple[AlertState, Transition | None]:
    """The state after the minute that ends at `now_ms`; nothing changes for a minute that was judged before."""
    if now_ms <= state.judged_ms:
        return state, None
    after = replace(_after(state, verdict, now_ms), judged_ms=now_ms)
    is_firing = after.phase is Phase.FIRING
    tells = routing is Routing.ROUTED and is_firing != state.told_firing
    if tells:
        after = replace(after, told_firing=is_firing)
    if after.phase is state.phase and not tells:
        return after, None
    return after, Transition(state.phase, after.phase, now_ms, tells)


def minutes_to_judge(state: AlertState, *, counted_through_ms: int) -> range:
    """The ends of the whole minutes that are counted and not judged; of a new alert, the last one only."""
    last_ms = counted_through_ms // MINUTE_MS * MINUTE_MS
    oldest_ms = last_ms - (MINUTES_MAX - 1) * MINUTE_MS if state.judged_ms else last_ms
    return range(max(oldest_ms, state.judged_ms + MINUTE_MS), last_ms + 1, MINUTE_MS)


def _after(state: AlertState, verdict: Verdict, now_ms: int) -> AlertState:
    match state.phase, verdict:
        case Phase.FIRING, Verdict.NOT_MET:
            return _kept_firing(state, now_ms)
        case Phase.FIRING, _:  # Without data an alert freezes: silence is no recovery.
            return replace(state, not_met_since_ms=None)
        case Phase.PENDING, Verdict.MET:
            return _fired_or(state, now_ms)
        case _, Verdict.MET:
            return _fired_or(_in(state, Phase.PENDING, now_ms), now_ms)
        case _, Verdict.NO_DATA:
            return _in(state, Phase.NO_DATA, now_ms)
        case Phase.RESOLVED, _:
            return state
        case _:
            return _in(state, Phase.OK, now_ms)


def _kept_firing(state: AlertState, now_ms: int) -> AlertState:
    since_ms = now_ms if state.not_met_since_ms is None else state.not_met_since_ms
    if now_ms - since_ms >= KEEP_FIRING_SECONDS * 1_000:
        return _in(state, Phase.RESOLVED, now_ms)
    return replace(state, not_met_since_ms=since_ms)


def _fired_or(pending: AlertState, now_ms: int) -> AlertState:
    if now_ms - pending.since_ms >= FOR_SECONDS * 1_000:
        return _in(pending, Phase.FIRING, now_ms)
    return pending


def _in(state: AlertState, phase: Phase, now_ms: int) -> AlertState:
    if state.phase is phase:
        return state
    return replace(state, phase=phase, since_ms=now_ms, not_met_since_ms=None)
