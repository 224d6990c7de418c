"""Which alerts do the promises of a workflow ask for, and is such an alert's condition met at the end of a minute?

Each objective with an error budget has two burn alerts: `critical` while the fast or the medium pair fires (somebody
should look now) and `warning` while the slow one does (somebody should look this week). Each alert that the workflow
declares is a bound over the window of its promises. Objectives without a budget (cost) are measured, and raise what
the workflow declares for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from analytics.domain.bad_events import error_budget
from analytics.domain.burn_rates import FAST, MEDIUM, MINUTE, SLOW, Pair, Speed, burns, pairs
from analytics.domain.measurement import Measurement
from analytics.domain.traffic import Traffic
from contracts.objectives import Bound, Severity, Slos

FOR_SECONDS: Final = 2 * MINUTE
"""How long a condition is met before its alert fires: windows smooth already, this is for a late scrape or count."""
KEEP_FIRING_SECONDS: Final = 30 * MINUTE
"""How long a condition is not met before its alert is resolved. As long as the short window of the medium pair: at five
events an hour of which one is bad, there is one alert that stays, and not one that comes and goes every hour."""
SILENCE_SECONDS: Final = KEEP_FIRING_SECONDS + MINUTE
"""Without an event for so long, nothing is known about now. One minute more than an alert is kept: so an alert is only
resolved if there was an event in the minutes that it is resolved for, and one event each half hour is enough."""


class Verdict(StrEnum):
    """What one judged minute says about an alert's condition."""

    MET = "met"
    NOT_MET = "not_met"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Its condition is met while any of the pairs fires."""

    workflow: str
    slo: str
    severity: Severity
    bound: Bound
    pairs: tuple[Pair, ...]
    minimum_events: int


@dataclass(frozen=True, slots=True)
class BoundAlert:
    """Its condition is met while the bound is true over the window."""

    workflow: str
    slo: str
    severity: Severity
    bound: Bound
    window_seconds: int
    minimum_events: int


AlertRule: TypeAlias = BurnAlert | BoundAlert


def alert_rules(workflow: str, slos: Slos) -> tuple[AlertRule, ...]:
    """Workflow, SLO and severity name an alert; an alert on a declared condition has the condition as its SLO."""
    declared = (
        BoundAlert(workflow, str(alert.bound), alert.severity, alert.bound, slos.window_seconds, slos.minimum_events)
        for alert in slos.alerts
    )
    return (*_burn_alerts(workflow, slos), *declared)


def burn_verdict(alert: BurnAlert, traffic: Traffic, *, ends_ms: int) -> Verdict:
    """What is over stays so while windows hold it; only what is not over asks whether anything came at all."""
    if any(burns(pair, traffic, minimum_events=alert.minimum_events, ends_ms=ends_ms) for pair in alert.pairs):
        return Verdict.MET
    recent = traffic.within(SILENCE_SECONDS, ends_ms=ends_ms)
    return Verdict.NOT_MET if recent.events else Verdict.NO_DATA


def bound_verdict(alert: BoundAlert, measurement: Measurement) -> Verdict:
    """Fewer than the minimum of events in the window are no data."""
    holds = measurement.holds(alert.bound, minimum_events=alert.minimum_events)
    if holds is None:
        return Verdict.NO_DATA
    return Verdict.MET if holds else Verdict.NOT_MET


def _burn_alerts(workflow: str, slos: Slos) -> Iterator[BurnAlert]:
    speeds: dict[Severity, tuple[Speed, ...]] = {"critical": (FAST, MEDIUM), "warning": (SLOW,)}
    for objective in slos.objectives:
        budget = error_budget(objective.bound)
        if budget is None:
            continue
        for severity, of_severity in speeds.items():
            found = pairs(of_severity, budget=budget, period_seconds=slos.window_seconds)
            if found:
                yield BurnAlert(workflow, objective.name, severity, objective.bound, found, slos.minimum_events)
