"""What does one minute say about the alerts of a workflow, and which figures does that take?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from analytics.domain.alert_rules import AlertRule, BurnAlert, Verdict, bound_verdict, burn_verdict
from analytics.domain.burn_rates import DAY, HOUR
from analytics.domain.cells import SPANS_MS, Span
from analytics.domain.measurement import measure
from analytics.domain.rollup import Rollup
from analytics.domain.traffic import traffic_of

MINUTES_SECONDS: Final = 6 * HOUR
PAIRS_SECONDS: Final = 3 * DAY
"""The longest windows that are looked at to the minute, and at all, by pairs of burn rates (`burn_rates`)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Figures of [from, to) in cells of these spans."""

    from_ms: int
    to_ms: int
    spans: tuple[Span, ...]


def burn_stretches(*, ends_ms: int) -> tuple[Stretch, ...]:
    """What the pairs look at. Only their longest window starts before the last six hours: its older part is whole
    hours and days where it can be, which is 170 cells and not 4,000."""
    recent_ms = ends_ms - MINUTES_SECONDS * 1_000
    older = Stretch(ends_ms - PAIRS_SECONDS * 1_000, recent_ms, tuple(SPANS_MS))
    return older, Stretch(recent_ms, ends_ms, ("minute",))


def bound_stretch(window_seconds: int, *, ends_ms: int) -> Stretch:
    """What a declared condition looks at."""
    return Stretch(ends_ms - window_seconds * 1_000, ends_ms, tuple(SPANS_MS))


def verdict_of(rule: AlertRule, rollups: Sequence[Rollup], *, ends_ms: int) -> Verdict:
    """Of the figures that the rule's stretches ask for, of one workflow."""
    if isinstance(rule, BurnAlert):
        return burn_verdict(rule, traffic_of(rule.bound, rollups), ends_ms=ends_ms)
    measured = measure(rule.bound.metric, rollups, window_seconds=rule.window_seconds, ends_ms=ends_ms)
    return bound_verdict(rule, measured)


def promised(rollups: Iterable[Rollup]) -> list[Rollup]:
    """Those that promises are about: a shadow speaks to nobody."""
    return [rollup for rollup in rollups if rollup.cell.subject.stage != "shadow"]


def stretches_of(rule: AlertRule, *, ends_ms: int) -> tuple[Stretch, ...]:
    """What a rule needs to be judged; rules of the same window need the same."""
    if isinstance(rule, BurnAlert):
        return burn_stretches(ends_ms=ends_ms)
    return (bound_stretch(rule.window_seconds, ends_ms=ends_ms),)
