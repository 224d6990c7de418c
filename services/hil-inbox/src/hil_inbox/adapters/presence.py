"""Who is there, since when, and whose turn is it to assign, by leases in Redis?"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hil_inbox.adapters.presence_scripts import BEAT, SWEEP, TURN
from hil_inbox.domain.assignment import Status
from hil_inbox.domain.presence import Given, Present, Roll
from service_kit.errors import RetryLater

PEOPLE_MAX = 5_000
"""People of one tenant with a lease."""
TENANTS_MAX = 1_000
GIVEN_SECONDS = 30.0
"""What was given counts as load for so long, unless the documents show it before."""


class Full(Exception):
    """So many people of the tenant are there that no more are heard."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a sign of life led to; `changed` if others see a difference."""

    status: Status
    since_ms: int
    changed: bool
    now_ms: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Whose lease ended since the last one, and who has been away for longer than the grace time."""

    lapsed: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """A person has one lease, however many tabs and devices renew it. Every call raises RetryLater while Redis is away:
    then it is not known who is there, so nobody is assigned or re-homed (ADR-0020)."""

    redis: Redis
    process: str
    lease_seconds: float = 20.0
    grace_seconds: float = 60.0
    kept_seconds: float = 600.0

    async def beat(self, tenant: str, actor_id: str, status: Status | None = None) -> Beat:
        """The person is there for `lease_seconds` from now on. Raises Full."""
        keys = (_key("leases", tenant), _key("people", tenant), _key("tenants"))
        arguments = (actor_id, tenant, _ms(self.lease_seconds), status or "", str(PEOPLE_MAX))
        answer = await self._eval(BEAT, keys, arguments)
        if answer[0] == b"full":
            raise Full(f"{PEOPLE_MAX} people of {tenant} are there already")
        return Beat(_status(answer[0]), int(answer[1]), bool(answer[2]), int(answer[3]))

    async def roll(self, tenant: str) -> Roll:
        """Who is there now."""
        with _asking():
            seconds, micros = await self.redis.time()
            now_ms = seconds * 1_000 + micros // 1_000
            async with self.redis.pipeline(transaction=False) as trip:
                trip.zrangebyscore(_key("leases", tenant), f"({now_ms}", "+inf", start=0, num=PEOPLE_MAX)
                trip.hgetall(_key("people", tenant))
                trip.hgetall(_key("work", tenant))
                since = now_ms - int(GIVEN_SECONDS * 1_000)
                trip.zrangebyscore(_key("given", tenant), since, "+inf", start=0, num=PEOPLE_MAX)
                here, people, work, given = await trip.execute()
        present = {name: _present(name, people.get(name.encode()), work.get(name.encode())) for name in _texts(here)}
        return Roll(now_ms, present, tuple(_given(text) for text in _texts(given)))

    async def tenants(self) -> list[str]:
        """Tenants with somebody there, or who was there lately."""
        with _asking():
            return _texts(cast("list[bytes]", await self.redis.zrange(_key("tenants"), 0, TENANTS_MAX - 1)))

    async def sweep(self, tenant: str) -> Sweep:
        """One look at leases that ended; of several replicas that look at once, one is told of a lapse. To be made more
        often than twice in the grace time: longer pauses are time in which nobody could be heard."""
        keys = [_key(name, tenant) for name in ("leases", "people", "work")]
        times = (self.lease_seconds, self.grace_seconds, self.kept_seconds, self.grace_seconds / 2)
        arguments = (tenant, *map(_ms, times), str(PEOPLE_MAX))
        lapsed, gone = await self._eval(SWEEP, (*keys, _key("tenants"), _key("sweeps")), arguments)
        return Sweep(tuple(_texts(lapsed)), tuple(_texts(gone)))

    async def has_turn(self, *, seconds: float) -> bool:
        """Whether this process is the one that assigns, for `seconds` from now on."""
        return bool(await self._eval(TURN, (_key("assigner"),), (self.process, _ms(seconds))))

    async def note_given(self, tenant: str, given: Given, *, now_ms: int) -> None:
        """Written before it is given, so that whoever assigns next counts it even if this process is killed."""
        with _asking():
            async with self.redis.pipeline(transaction=False) as trip:
                trip.zadd(_key("given", tenant), {_given_text(given): now_ms})
                trip.zremrangebyscore(_key("given", tenant), "-inf", now_ms - int(GIVEN_SECONDS * 1_000))
                trip.pexpire(_key("given", tenant), int(GIVEN_SECONDS * 2_000))
                await trip.execute()

    async def forget_given(self, tenant: str, given: Given) -> None:
        """It was not given after all."""
        with _asking():
            await self.redis.zrem(_key("given", tenant), _given_text(given))

    async def note_work(self, tenant: str, people: Mapping[str, Present]) -> None:
        """What these people had in hand, and since when they are idle."""
        if not people:
            return
        lines: list[str | int | float | bytes] = []
        for name, one in people.items():
            lines += [name, f"{one.load_seen} {one.idle_ms} {one.assigned_ms}"]
        with _asking():
            await self.redis.hset(_key("work", tenant), items=lines)

    async def _eval(self, script: str, keys: tuple[str, ...], arguments: tuple[str, ...]) -> Any:
        with _asking():
            return await self.redis.eval(script, len(keys), *keys, *arguments)


@asynccontextmanager
async def open_presence(
    url: str, *, process: str, lease_seconds: float, grace_seconds: float
) -> AsyncIterator[Presence]:
    """Over the Redis at `url`, which may be away."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=16,
        timeout=2.0,
        socket_timeout=2.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),  # A trip that failed is made again by whoever asked.
    )
    redis = Redis.from_pool(pool)
    try:
        yield Presence(redis, process, lease_seconds, grace_seconds)
    finally:
        await redis.aclose()


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise RetryLater(f"presence is not known: {type(error).__name__} from Redis") from error


def _key(name: str, tenant: str = "") -> str:
    """All in one slot: the scripts touch several, and there is little of it."""
    return f"{{inbox}}:{name}:{tenant}" if tenant else f"{{inbox}}:{name}"


def _ms(seconds: float) -> str:
    return str(int(seconds * 1_000))


def _texts(values: list[bytes]) -> list[str]:
    return [value.decode() for value in values]


def _status(value: bytes) -> Status:
    return cast(Status, value.decode())


def _present(name: str, line: bytes | None, work: bytes | None) -> Present:
    status, _, since = (line or b"away 0").partition(b" ")
    load, idle_ms, assigned_ms = map(int, (work or b"0 0 0").split())
    return Present(name, _status(status), int(since), idle_ms, assigned_ms, load)


def _given_text(given: Given) -> str:
    return f"{given.handover_id}\n{given.epoch}\n{given.actor_id}"


def _given(text: str) -> Given:
    handover_id, epoch, actor_id = text.split("\n")
    return Given(handover_id, int(epoch), actor_id)
