"""Has this call been made before, is somebody making it now, and how did it end?"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cost_gate import Batch
from service_kit.errors import RetryLater
from service_kit.tasks import end_task
from tool_runner.adapters.ledger_scripts import CLAIM, FINISH, LOOK, RENEW, START
from tool_runner.adapters.seal import Seal, Unreadable
from tool_runner.domain.outcome import Done, ErrorClass, Failed, Unknown, Verdict

FINISH_SECONDS_MAX = 120.0
"""How long a verdict waits in memory for a Redis that is away before the call counts as cut."""
AWAY = timedelta(seconds=1)
UNREADABLE = "the call has ended before, but its record cannot be read with the secret of this process"


@dataclass(frozen=True, slots=True)
class CallReference:
    """Which call. `owner` names one process working on one command."""

    entry: str
    call_hash: str
    command_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Ours, and surely not sent before."""


@dataclass(frozen=True, slots=True)
class Orphaned:
    """Ours now; an owner that was not heard of again had sent it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """It has ended before. `cost_microdollars` is what it took where this very command took it."""

    verdict: Verdict
    cost_microdollars: int = 0


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key belongs to a call of another tool, with other arguments, or for another entity."""


Claim = Claimed | Orphaned | Recorded | KeyReused


@dataclass(slots=True)
class CallLedger:
    """Entries in Redis: claimed, running, then done, failed or unknown; forgotten after `keep_seconds`. A lease tells
    other replicas that the owner lives; it is the Redis server's clock that counts."""

    redis: Redis
    process: str
    seal: Seal
    lease_seconds: float = 6.0
    keep_seconds: float = 86_400.0
    reachable: bool = True
    _held: dict[str, CallReference] = field(default_factory=dict)
    _batch: Batch = field(init=False)

    def __post_init__(self) -> None:
        self._batch = Batch(self.redis)

    def reference(self, scope: str, idempotency_key: str, *, call_hash: str, command_id: str) -> CallReference:
        """`scope` is tenant and key, so that a key of one conversation never answers another's call."""
        digest = hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
        owner = f"{self.process}/{command_id}"
        return CallReference(f"hil:tool_call:{scope}:{digest}", call_hash, command_id, owner)

    async def look(self, call: CallReference) -> Claim:
        """What `claim` would answer now; nothing is taken."""
        return await self._standing(LOOK, call)

    async def claim(self, call: CallReference) -> Claim:
        """Take the call. Raises RetryLater while another owner has it, or Redis is away."""
        claim = await self._standing(CLAIM, call)
        if isinstance(claim, Claimed | Orphaned):
            self._held[call.entry] = call
        return claim

    async def _standing(self, script: str, call: CallReference) -> Claim:
        arguments = [call.call_hash, call.owner, call.command_id, *self._times()]
        answer = await self._eval(script, call.entry, arguments)
        match answer[0]:
            case "busy":
                wait = timedelta(milliseconds=min(int(answer[1]), 1_000) + 50)
                raise RetryLater("another process is making this call", after=wait)
            case "reused":
                return KeyReused()
            case "recorded":
                return self._recorded(call, answer[1], by=answer[2])
        return Orphaned() if answer[0] == "orphaned" else Claimed()

    async def start(self, call: CallReference) -> None:
        """Write down that the call is about to be sent. Raises RetryLater if it may not be."""
        answer = await self._eval(START, call.entry, [call.owner, *self._times()])
        if answer[0] != "ok":
            self._held.pop(call.entry, None)
            raise RetryLater("the call was taken over by another process", after=AWAY)

    async def finish(self, call: CallReference, verdict: Verdict, *, cost_microdollars: int = 0) -> None:
        """Record the end, waiting for Redis if it is away. Raises RetryLater if another process has taken over."""
        state = {Done: "done", Failed: "failed", Unknown: "unknown"}[type(verdict)]
        arguments = [call.call_hash, call.owner, call.command_id, *self._times(), state]
        arguments.append(self.seal.close(text_of(verdict, cost_microdollars), call.entry))
        deadline = asyncio.get_running_loop().time() + FINISH_SECONDS_MAX
        while True:
            try:
                answer = await self._eval(FINISH, call.entry, arguments)
                break
            except RetryLater:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.25)
        self._held.pop(call.entry, None)
        if answer[0] != "ok":
            raise RetryLater("the call was taken over by another process", after=AWAY)

    def let_go(self, call: CallReference) -> None:
        """Stop renewing the lease."""
        self._held.pop(call.entry, None)

    async def renew_leases(self) -> None:
        """Run for the life of the process: tell others that the calls in hand have a living owner."""
        while True:
            await asyncio.sleep(self.lease_seconds / 3)
            try:
                await cast(Awaitable[object], self.redis.ping())
                self.reachable = True
                for call in list(self._held.values()):
                    await self._eval(RENEW, call.entry, [call.owner, *self._times()])
            except (RetryLater, RedisError, OSError):
                self.reachable = False

    def _recorded(self, call: CallReference, sealed: str, *, by: str) -> Recorded:
        """How it ended. With another secret than this one the call has ended all the same: it is never made again."""
        try:
            stored = orjson.loads(self.seal.open(sealed, call.entry))
        except Unreadable:
            return Recorded(Unknown(UNREADABLE))
        return Recorded(verdict_from(stored), stored.get("cost", 0) if by == call.command_id else 0)

    def _times(self) -> list[str]:
        return [str(int(self.lease_seconds * 1_000)), str(int(self.keep_seconds * 1_000))]

    async def _eval(self, script: str, entry: str, arguments: Sequence[str]) -> list[str]:
        try:
            answer = await self._batch.run(script, [entry], list(arguments))
        except (RetryLater, RedisError, OSError) as error:
            self.reachable = False
            raise RetryLater(f"ledger: {error}", after=AWAY) from error
        self.reachable = True
        return [part.decode() if isinstance(part, bytes) else str(part) for part in answer]


@asynccontextmanager
async def opened_ledger(
    url: str, *, process: str, seal: Seal, lease_seconds: float, keep_seconds: float, connections_max: int
) -> AsyncIterator[CallLedger]:
    """A ledger whose leases are renewed for as long as the block runs."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=2.0,
        socket_timeout=2.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),  # A trip that failed is made again by whoever asked.
    )
    redis = Redis.from_pool(pool)
    ledger = CallLedger(redis, process, seal, lease_seconds, keep_seconds)
    renewing = asyncio.create_task(ledger.renew_leases())
    try:
        yield ledger
    finally:
        await end_task(renewing)
        await redis.aclose()


def text_of(verdict: Verdict, cost_microdollars: int) -> bytes:
    """A verdict and its cost as they are stored."""
    match verdict:
        case Done(result, is_error):
            fields = {"kind": "done", "result": result, "is_error": is_error}
        case Failed(error_class, detail, retryable):
            fields = {"kind": "failed", "error_class": error_class.value, "detail": detail, "retryable": retryable}
        case Unknown(detail):
            fields = {"kind": "unknown", "detail": detail}
    return orjson.dumps({**fields, "cost": cost_microdollars})


def verdict_from(stored: dict[str, Any]) -> Verdict:
    """The inverse of `text_of`."""
    match stored["kind"]:
        case "done":
            return Done(stored["result"], stored["is_error"])
        case "failed":
            return Failed(ErrorClass(stored["error_class"]), stored["detail"], stored["retryable"])
    return Unknown(stored["detail"])
