"""Which folded states are kept in memory, within which bounds?"""

from collections import OrderedDict
from dataclasses import dataclass, field

from orchestrator.domain.state import Conversation
from service_kit.key_timers import NOTHING, Armed

KEYS_MAX = 20_000
BYTES_MAX = 256 * 1024 * 1024
"""Of stored log, summed over the states; a state is about as large as the log that it was folded from."""


@dataclass(frozen=True, slots=True)
class Cached:
    """A state that was complete through its `last_sequence`, and the timer believed to be stored."""

    state: Conversation
    armed: Armed = NOTHING


@dataclass(slots=True)
class ConversationCache:
    """Least recently used states go first."""

    keys_max: int = KEYS_MAX
    bytes_max: int = BYTES_MAX
    _cached: "OrderedDict[tuple[str, str], Cached]" = field(default_factory=OrderedDict)
    _bytes: int = 0

    def get(self, tenant: str, key: str) -> Cached | None:
        """The state of a key, if it is here."""
        found = self._cached.get((tenant, key))
        if found is not None:
            self._cached.move_to_end((tenant, key))
        return found

    def put(self, cached: Cached) -> None:
        """Keep a state."""
        self.drop(cached.state.tenant, cached.state.key)
        self._cached[cached.state.tenant, cached.state.key] = cached
        self._bytes += cached.state.bytes_stored
        while self._cached and (len(self._cached) > self.keys_max or self._bytes > self.bytes_max):
            self.drop(*next(iter(self._cached)))

    def drop(self, tenant: str, key: str) -> None:
        """Forget a state."""
        gone = self._cached.pop((tenant, key), None)
        if gone is not None:
            self._bytes -= gone.state.bytes_stored

    def __len__(self) -> int:
        return len(self._cached)
