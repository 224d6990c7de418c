"""When is a server that fails started again, and when are calls to it refused at once?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`failures_max` failures in a row open the breaker for `open_seconds`; then one start is tried."""

    failures_max: int = 5
    open_seconds: float = 10.0
    restart_seconds_first: float = 0.1
    restart_seconds_max: float = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """Failures since the last success, and until when the breaker is open (in the caller's clock, seconds)."""

    failures: int = 0
    open_until: float = 0.0

    def after_failure(self, policy: BreakerPolicy, now: float) -> "Health":
        failures = self.failures + 1
        opens = failures >= policy.failures_max
        return Health(failures, now + policy.open_seconds if opens else 0.0)

    def is_open(self, now: float) -> bool:
        return now < self.open_until

    def restart_delay(self, policy: BreakerPolicy, now: float) -> float:
        """Seconds to wait before the next start: doubling with each failure, or until the breaker closes."""
        if self.is_open(now):
            return self.open_until - now
        doubled = policy.restart_seconds_first * 2.0 ** min(max(self.failures - 1, 0), 30)
        return min(doubled, policy.restart_seconds_max)


HEALTHY = Health()
