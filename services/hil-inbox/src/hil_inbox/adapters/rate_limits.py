"""How often did who do what of late? Kept in the memory of this replica only, and bounded."""

from collections import OrderedDict
from dataclasses import dataclass, field

from hil_inbox.domain.token_bucket import Bucket, Rate, take

KEPT_MAX = 100_000


@dataclass(slots=True)
class RateLimits:
    """One rate for many. Of more than `KEPT_MAX` the one unseen for longest starts anew. With several replicas each
    lets its own share through."""

    rate: Rate
    _buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def wait_ms(self, who: str, *, now_ms: int) -> int:
        """0 if it may happen, and then it counts; else how long to wait."""
        taken = take(self._buckets.get(who), self.rate, now_ms=now_ms)
        self._buckets[who] = taken.bucket
        self._buckets.move_to_end(who)
        if len(self._buckets) > KEPT_MAX:
            self._buckets.popitem(last=False)
        return taken.wait_ms
