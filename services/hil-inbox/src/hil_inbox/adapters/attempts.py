"""Who has failed to log in how often, on all replicas together?"""

from dataclasses import dataclass

from document_store import DocumentStore, VersionConflict
from hil_inbox.adapters.remove_expired import remove_expired
from hil_inbox.domain.attempts import WINDOW_MS, failures_max

COLLECTION = "login_attempts"
TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Attempts:
    """Documents `login_attempts`, one for each address and account that failed within the last window."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("expires_ms",))

    async def seconds_to_wait(self, counters: tuple[str, ...], *, now_ms: int) -> int:
        """0 if another try is allowed, else how long it is not."""
        waits = [0]
        for counter in counters:
            document = await self.store.get(COLLECTION, counter)
            if document is None:
                continue
            failures, left = _numbers(document.body, now_ms)
            if left > 0 and failures >= failures_max(counter):
                waits.append(-(-left // 1_000))
        return max(waits)

    async def count_failure(self, counters: tuple[str, ...], *, now_ms: int) -> None:
        """One more failure of each. Raises VersionConflict where too many fail at once: that attempt gets no answer."""
        for counter in counters:
            await self._count(counter, now_ms)

    async def _count(self, counter: str, now_ms: int) -> None:
        for tries in range(TRIES_MAX):
            document = await self.store.get(COLLECTION, counter)
            failures, left = (0, 0) if document is None else _numbers(document.body, now_ms)
            body = {"failures": failures + 1, "expires_ms": now_ms + left} if left > 0 else _fresh(now_ms)
            try:
                version = 0 if document is None else document.version
                await self.store.put(COLLECTION, counter, body, expected_version=version)
                return
            except VersionConflict:
                if tries == TRIES_MAX - 1:
                    raise

    async def sweep(self, *, now_ms: int) -> None:
        """Remove what is over, a bounded number at a time."""
        await remove_expired(self.store, COLLECTION, now_ms=now_ms)


def _numbers(body: dict[str, object], now_ms: int) -> tuple[int, int]:
    return int(str(body["failures"])), int(str(body["expires_ms"])) - now_ms


def _fresh(now_ms: int) -> dict[str, object]:
    return {"failures": 1, "expires_ms": now_ms + WINDOW_MS}
