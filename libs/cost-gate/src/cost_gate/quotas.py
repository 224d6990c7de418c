"""How many calls may be made in each hour, day or month?"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cost_gate.rates import LIMIT_MAX
from cost_gate.scopes import Window


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `calls_max` calls of `id` in each `window` of the UTC calendar. A call counts in the window in which it
    was reserved; one that is known not to have been made gives its place back."""

    id: str
    calls_max: int
    window: Window

    def __post_init__(self) -> None:
        if self.window is Window.TOTAL:
            raise ValueError(f"window of quota {self.id} is {self.window}: it never ends; name hour, day or month")
        if not 0 <= self.calls_max <= LIMIT_MAX:
            raise ValueError(f"calls_max of quota {self.id} is {self.calls_max}, not in 0..{LIMIT_MAX}")


def resets_at(window: Window, now: datetime) -> datetime:
    """When the window that holds `now` ends, in UTC."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if window is Window.HOUR:
        return hour + timedelta(hours=1)
    day = hour.replace(hour=0)
    if window is Window.DAY:
        return day + timedelta(days=1)
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
