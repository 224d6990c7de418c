"""Which models are well? Seen by all replicas together, through Redis."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import orjson
import structlog
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from llm_gateway.domain.breaker import PROBE_SECONDS, Breaker, Calls, Condition, after_calls, at, may_probe
from llm_gateway.domain.retry import jitter_of

log = structlog.get_logger()
EVERY_SECONDS = 0.2
_KEEP_SECONDS = 3_600
_CONDITION = Gauge("hil_breaker_open", "1 while the breaker of a model is open, 0.5 while it is half open.", ("model",))
_OPENED = Counter("hil_breaker_opened_total", "How often the breaker of a model has opened.", ("model",))
_LEVEL = {Condition.CLOSED: 0.0, Condition.HALF_OPEN: 0.5, Condition.OPEN: 1.0}
# KEYS: breaker   ARGV: what it must be ('' = absent), what it becomes, seconds kept
_SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


@dataclass(slots=True)
class BreakerBoard:
    """Calls are counted here and shared five times a second, so that a call itself costs no trip. Redis away: what was
    last known stays, and counts wait (the gate is closed then in any case)."""

    redis: Redis
    models: frozenset[str]
    now: Callable[[], datetime]
    slow_seconds: dict[str, float]
    _known: dict[str, Breaker] = field(default_factory=dict)
    _stored: dict[str, bytes] = field(default_factory=dict)
    _calls: dict[str, Calls] = field(default_factory=dict)

    def open_models(self) -> frozenset[str]:
        """Those that are not to be asked now, as far as this process knows."""
        ill = [(name, one) for name, one in self._known.items() if one.condition is not Condition.CLOSED]
        return frozenset(name for name, breaker in ill if _shut(breaker, self._seconds()))

    async def admits(self, model: str) -> bool:
        """Whether this call may be made. Of a model that may be well again, one call in the fleet finds out."""
        breaker = self._known.get(model)
        if breaker is None or breaker.condition is Condition.CLOSED:
            return True
        now = self._seconds()
        if not may_probe(breaker, now):
            return at(breaker, now).condition is Condition.CLOSED
        probing = dataclasses.replace(at(breaker, now), probing_until=now + PROBE_SECONDS)
        try:
            return await self._swap(model, probing)
        except (RedisError, OSError):
            return False

    def report(self, model: str, *, ok: bool, latency_seconds: float) -> None:
        """How a call went."""
        calls = self._calls.get(model, Calls())
        slow = ok and latency_seconds > self.slow_seconds.get(model, float("inf"))
        self._calls[model] = Calls(calls.ok + ok, calls.slow + slow, calls.failed + (not ok))

    def snapshot(self) -> dict[str, Breaker]:
        """Every model's breaker as it is now."""
        now = self._seconds()
        return {name: at(self._known.get(name, Breaker()), now) for name in sorted(self.models)}

    async def reset(self, model: str) -> None:
        """Close a breaker by hand. Raises RedisError."""
        await self.redis.delete(_key(model))
        self._known.pop(model, None)
        self._stored.pop(model, None)

    async def run(self, stop: asyncio.Event) -> None:
        """Share until `stop` is set."""
        while not stop.is_set():
            try:
                await self.share()
            except (RedisError, OSError) as error:
                log.debug("breaker_board.waits", error=type(error).__name__)
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def share(self) -> None:
        """Read what the others have seen, add what was seen here. Raises RedisError."""
        names = sorted(self.models)
        reading = cast("Awaitable[Iterable[bytes | None]]", self.redis.mget([_key(name) for name in names]))
        for name, stored in zip(names, await reading, strict=True):
            self._learn(name, stored)
        now = self._seconds()
        for name in list(self._calls):
            await self._add(name, self._calls.pop(name), now)

    async def _add(self, model: str, calls: Calls, now: float) -> None:
        """Those that could not be added are counted again next time, beside what was seen meanwhile."""
        before = self._known.get(model, Breaker(window_began=now))
        after, added = after_calls(before, calls, now=now, jitter=jitter_of(model, int(now))), False
        try:
            added = await self._swap(model, after)
        finally:
            if not added:
                self._calls[model] = calls.and_also(self._calls.get(model, Calls()))
        if added:
            self._tell(model, at(before, now), after)

    def _learn(self, model: str, stored: bytes | None) -> None:
        if stored is None:
            self._known.pop(model, None)
            self._stored.pop(model, None)
        elif stored != self._stored.get(model):
            self._stored[model] = stored
            self._known[model] = _read(stored)
        _CONDITION.labels(model).set(_LEVEL[at(self._known.get(model, Breaker()), self._seconds()).condition])

    async def _swap(self, model: str, breaker: Breaker) -> bool:
        """Store it unless another replica has stored something meanwhile."""
        before, after = self._stored.get(model, b""), orjson.dumps(dataclasses.asdict(breaker))
        swapping = self.redis.eval(_SWAP, 1, _key(model), before, after, str(_KEEP_SECONDS))
        if not await cast("Awaitable[int]", swapping):
            return False
        self._stored[model], self._known[model] = after, breaker
        return True

    def _tell(self, model: str, before: Breaker, after: Breaker) -> None:
        if before.condition is not after.condition:
            log.warning("breaker.changed", model=model, before=before.condition, after=after.condition)
            if after.condition is Condition.OPEN:
                _OPENED.labels(model).inc()

    def _seconds(self) -> float:
        return self.now().timestamp()


def _shut(breaker: Breaker, now: float) -> bool:
    found = at(breaker, now)
    return found.condition is Condition.OPEN or (found.condition is Condition.HALF_OPEN and now < found.probing_until)


def _read(stored: bytes) -> Breaker:
    fields = orjson.loads(stored)
    return Breaker(**{**fields, "condition": Condition(fields["condition"])})


def _key(model: str) -> str:
    return f"{{breaker}}:{model}"
