"""How many calls of one server may be in hand, so that one that hangs does not take the places of all others?"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from zlib import crc32

from service_kit.errors import RetryLater

SERVERS_MIN = 8
"""So many servers may hang before the calls of others wait."""
AGAIN_SECONDS_FIRST, AGAIN_SECONDS_MAX = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Of a command without a place: how often it has come, and the time to its deadline."""

    command_id: str
    attempt: int
    seconds_left: float


@dataclass(slots=True)
class Places:
    """`most` calls of each server, or as many as it is sent at once where that is more. Others wait in the bus."""

    most: int
    concurrency: Mapping[str, int]
    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one(self, server: str, waiting: Waiting) -> Iterator[None]:
        """A place for as long as the block runs. Raises RetryLater where none is left; a call whose deadline is over
        needs none, as it only has to be told."""
        most = max(self.most, self.concurrency.get(server, 0))
        if self._taken[server] >= most and waiting.seconds_left > 0:
            raise RetryLater(f"{most} calls of {server} are in hand, the most", after=_pause(waiting))
        self._taken[server] += 1
        try:
            yield
        finally:
            self._taken[server] -= 1


def _pause(waiting: Waiting) -> timedelta:
    """Twice as long each time, a little different for each call, and no longer than to the deadline."""
    doubled = min(AGAIN_SECONDS_FIRST * 2.0 ** min(waiting.attempt - 1, 30), AGAIN_SECONDS_MAX)
    jittered = doubled * (0.75 + crc32(waiting.command_id.encode()) % 100 / 200)
    return timedelta(seconds=min(jittered, waiting.seconds_left + 0.01))
