"""Whom does an alert not reach, although its state changes?"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from analytics.domain.alert_rules import AlertRule
from contracts.objectives import Severity


class Routing(StrEnum):
    """Whether the receiver of alerts is told."""

    ROUTED = "routed"
    UNROUTED = "unrouted"


@dataclass(frozen=True, slots=True)
class Silence:
    """From `starts_ms` until before `ends_ms`, for the alerts it names; None means every one."""

    starts_ms: int
    ends_ms: int
    workflow: str
    slo: str | None = None
    severity: Severity | None = None

    def covers(self, alert: AlertRule, *, at_ms: int) -> bool:
        """Whether this alert is silenced at this time."""
        return (
            self.starts_ms <= at_ms < self.ends_ms
            and alert.workflow == self.workflow
            and self.slo in (None, alert.slo)
            and self.severity in (None, alert.severity)
        )


def routing(alert: AlertRule, silences: Iterable[Silence], *, unrouted_until_ms: int, at_ms: int) -> Routing:
    """New SLOs run unrouted first, so that one sees whether they are noisy before they wake somebody."""
    is_silenced = any(silence.covers(alert, at_ms=at_ms) for silence in silences)
    return Routing.UNROUTED if is_silenced or at_ms < unrouted_until_ms else Routing.ROUTED
