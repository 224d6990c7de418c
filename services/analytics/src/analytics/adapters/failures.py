"""Which addresses failed to get in too often of late? In the memory of this replica only, and bounded."""

from collections import OrderedDict
from dataclasses import dataclass, field

from http_gate.client_address import network_of

WINDOW_MS = 15 * 60_000
FAILURES_MAX = 20
KEPT_MAX = 100_000


@dataclass(slots=True)
class Failures:
    """FAILURES_MAX within WINDOW_MS, then nothing from there is tried until the window is over. Of more than `KEPT_MAX`
    addresses the one that began longest ago is forgotten."""

    _counts: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)

    def seconds_to_wait(self, address: str, *, now_ms: int) -> int:
        """0 if another try is allowed."""
        failures, until_ms = self._counts.get(network_of(address), (0, 0))
        return -(-(until_ms - now_ms) // 1_000) if failures >= FAILURES_MAX and now_ms < until_ms else 0

    def count(self, address: str, *, now_ms: int) -> None:
        """One more."""
        network = network_of(address)
        failures, until_ms = self._counts.get(network, (0, 0))
        if now_ms >= until_ms:
            self._counts.pop(network, None)
            failures, until_ms = 0, now_ms + WINDOW_MS
        self._counts[network] = (failures + 1, until_ms)
        if len(self._counts) > KEPT_MAX:
            self._counts.popitem(last=False)
