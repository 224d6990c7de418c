"""What is kept of an alert of a tenant's workflow, and what is announced when a minute was judged?"""

from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from analytics.domain.alert_rules import AlertRule, BurnAlert, Verdict
from analytics.domain.judge_alerts import AlertState, Phase, Transition, judge
from analytics.domain.silences import Routing
from contracts.alerts import AlertChanged
from contracts.objectives import Severity


class Named(Protocol):
    """What names an alert of a tenant."""

    @property
    def workflow(self) -> str: ...
    @property
    def slo(self) -> str: ...
    @property
    def severity(self) -> Severity: ...


def alert_id(tenant: str, named: Named) -> str:
    """Unique over all alerts."""
    return f"{tenant}/{named.workflow}/{named.severity}/{named.slo}"


NEW: Final = AlertState()


@dataclass(frozen=True, slots=True)
class WatchedAlert:
    """Named by tenant, workflow, SLO and severity; kind and condition are those of its newest rule."""

    tenant: str
    workflow: str
    slo: str
    severity: Severity
    kind: Literal["burn", "bound"]
    condition: str
    state: AlertState = NEW
    first_judged_ms: int = 0
    firing_since_ms: int | None = None
    """Of the newest firing, also after it."""
    told_ms: int = 0
    """End of the minute of which the receiver of alerts was told last."""
    is_withdrawn: bool = False
    """The workflow promises it no longer."""

    @property
    def id(self) -> str:
        """Unique over all alerts."""
        return alert_id(self.tenant, self)


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as it is stored; version 0 is not stored yet."""

    alert: WatchedAlert
    version: int


def watched(tenant: str, rule: AlertRule) -> WatchedAlert:
    """An alert that was never judged."""
    kind: Literal["burn", "bound"] = "burn" if isinstance(rule, BurnAlert) else "bound"
    return WatchedAlert(tenant, rule.workflow, rule.slo, rule.severity, kind, str(rule.bound))


def following(known: WatchedAlert, rule: WatchedAlert) -> WatchedAlert:
    """A known alert under its present rule; one that was withdrawn is new again."""
    if known.is_withdrawn:
        return replace(rule, told_ms=known.told_ms)
    return replace(known, kind=rule.kind, condition=rule.condition)


def after_minute(
    alert: WatchedAlert, verdict: Verdict, *, ends_ms: int, routing: Routing
) -> tuple[WatchedAlert, AlertChanged | None]:
    """The alert after the minute that ends at `ends_ms`, and what is to be announced."""
    state, transition = judge(alert.state, verdict, now_ms=ends_ms, routing=routing)
    begins = state.phase is Phase.FIRING and alert.state.phase is not Phase.FIRING
    after = replace(
        alert,
        state=state,
        first_judged_ms=alert.first_judged_ms or ends_ms,
        firing_since_ms=state.since_ms if begins else alert.firing_since_ms,
        told_ms=ends_ms if transition is not None and transition.routed else alert.told_ms,
    )
    return after, None if transition is None else _announced(after, transition)


def withdrawn(alert: WatchedAlert, *, ends_ms: int) -> tuple[WatchedAlert, AlertChanged]:
    """A promise that is made no longer; a receiver who was told that it is broken is told that this is over."""
    transition = Transition(alert.state.phase, Phase.NO_DATA, ends_ms, alert.state.told_firing)
    after = replace(
        alert,
        state=AlertState(since_ms=ends_ms, judged_ms=ends_ms),
        told_ms=ends_ms if transition.routed else alert.told_ms,
        is_withdrawn=True,
    )
    return after, _announced(after, transition)


def _announced(alert: WatchedAlert, transition: Transition) -> AlertChanged:
    return AlertChanged(
        workflow=alert.workflow,
        slo=alert.slo,
        severity=alert.severity,
        condition=alert.condition,
        kind=alert.kind,
        before=transition.before.value,
        after=transition.after.value,
        at_ms=transition.at_ms,
        firing_since_ms=alert.firing_since_ms,
        routed=transition.routed,
    )
