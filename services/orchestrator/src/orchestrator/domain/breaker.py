"""Which nodes fail so often across executions that they are left alone for a while (SPEC O11)?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

COUNTED = frozenset(
    {"timeout", "rate_limited", "provider_error", "provider_unreachable", "invalid_output", "server_unavailable"}
)
"""Error classes that speak of the node's surroundings; a refused budget or bad arguments do not."""
FAILURES_KEPT_MAX = 1_000
EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """`failures_min` failures of one class in `executions_min` different executions within `window_ms` open the breaker
    for `open_ms`. `failures_min` 0 switches breakers off."""

    failures_min: int = 10
    executions_min: int = 5
    window_ms: int = 60_000
    open_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed step, as every orchestrator sees it in the stream."""

    at_ms: int
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where failures are counted together."""

    tenant: str
    workflow: str
    node: str
    error_class: str


@dataclass(frozen=True, slots=True)
class Breakers:
    """Recent failures and open breakers; a fold of the failure facts, so all orchestrators agree without talking."""

    failures: Mapping[Place, tuple[Failure, ...]] = field(default_factory=dict)
    open_until: Mapping[Place, int] = field(default_factory=dict)


def failed(breakers: Breakers, rule: BreakerRule, place: Place, failure: Failure) -> tuple[Breakers, bool]:
    """One more failure; whether it opened the breaker of its place. Failures while it is open do not count."""
    is_open = breakers.open_until.get(place, 0) > failure.at_ms
    if place.error_class not in COUNTED or rule.failures_min == 0 or is_open:
        return breakers, False
    since = failure.at_ms - rule.window_ms
    known = [other for other in breakers.failures.get(place, ()) if other.at_ms > since and other.id != failure.id]
    recent = (*known, failure)[-FAILURES_KEPT_MAX:]
    enough = len(recent) >= rule.failures_min and len({other.key for other in recent}) >= rule.executions_min
    if not enough:
        return replace(breakers, failures={**breakers.failures, place: recent}), False
    left = {other: kept for other, kept in breakers.failures.items() if other != place}
    opened = {other: until for other, until in breakers.open_until.items() if until > failure.at_ms}
    return Breakers(left, {**opened, place: failure.at_ms + rule.open_ms}), True


def open_nodes(breakers: Breakers, now_ms: int) -> frozenset[str]:
    """`<workflow>/<node>` of every open breaker."""
    places = (place for place, until in breakers.open_until.items() if until > now_ms)
    return frozenset(f"{place.workflow}/{place.node}" for place in places)
