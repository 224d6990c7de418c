"""When may a call go to a server at an address: how many at a time, and not while it fails?"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable

from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.mcp_session import within_bytes
from tool_runner.domain.breaker import HEALTHY, Health
from tool_runner.domain.outcome import Answered, Cut, ErrorClass, NotSent, Refusal, TryOutcome
from tool_runner.domain.tool_request import ToolRequest

KEY_CHARACTERS_MAX = 1_000


class AddressGuard:
    """Slots and breaker of one address."""

    def __init__(self, name: str, limits: ServerLimits) -> None:
        self._name, self._limits = name, limits
        self._health: Health = HEALTHY
        self._slots = asyncio.Semaphore(limits.concurrency)

    @property
    def is_open(self) -> bool:
        """Calls are refused for a while."""
        return self._health.is_open(time.monotonic())

    def count_failure(self) -> float:
        """Seconds after which it is worth another try."""
        now = time.monotonic()
        self._health = self._health.after_failure(self._limits.breaker, now)
        return self._health.restart_delay(self._limits.breaker, now)

    async def call(self, request: ToolRequest, attempt: Callable[[], Awaitable[TryOutcome]]) -> TryOutcome:
        """Make an attempt when there is a slot. What is refused to one caller says nothing of the server."""
        try:
            async with asyncio.timeout(request.until - time.monotonic()):
                await self._slots.acquire()
        except TimeoutError:
            return NotSent(ErrorClass.TIMEOUT, f"{self._name} was busy until the deadline; the call was not made")
        try:
            if self.is_open:
                detail = f"{self._name} failed {self._health.failures} times in a row; the call was not made"
                return NotSent(ErrorClass.SERVER_UNAVAILABLE, detail)
            return self._judged(await attempt(), request)
        finally:
            self._slots.release()

    def _judged(self, outcome: TryOutcome, request: ToolRequest) -> TryOutcome:
        match outcome:
            case Answered():
                self._health = HEALTHY
                return within_bytes(outcome, self._limits.result_bytes_max)
            case NotSent(refusal=Refusal.RATE) if request.headers:
                pass  # An account that calls too often must not shut the others out.
            case Cut() | NotSent(ErrorClass.SERVER_UNAVAILABLE):
                self.count_failure()
        return outcome


def call_headers(header: str | None, request: ToolRequest) -> dict[str, str]:
    """The key of this one call, where the manifest names a header for it. A header is one short line of ASCII; another
    key is sent as its hash, for no two keys may come to be one."""
    if header is None:
        return {}
    key = request.idempotency_key
    plain = key.isascii() and key.isprintable() and len(key) <= KEY_CHARACTERS_MAX
    return {header.lower(): key if plain else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()}
