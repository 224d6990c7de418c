"""How often, how much and how many at once: which limits hold besides those of money?"""

from dataclasses import dataclass
from enum import StrEnum

# A minute's worth of a thousand million is more than any provider sells, and far within what Lua counts exactly.
LIMIT_MAX = 10**9


class RateKind(StrEnum):
    PROVIDER = "provider"
    TENANT = "tenant"
    ENTITY = "entity"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Rate:
    """Limits of one key, tenant, entity or tool; None is without limit. Requests and tokens are token buckets that hold
    one minute's worth and fill evenly; a place among `concurrent_max` is held until the reservation ends."""

    kind: RateKind
    id: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_max: int | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "tokens_per_minute", "concurrent_max"):
            limit = getattr(self, name)
            if limit is not None and not 1 <= limit <= LIMIT_MAX:
                raise ValueError(f"{name} of {self.kind} {self.id} is {limit}, not in 1..{LIMIT_MAX}")
