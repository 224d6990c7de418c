"""How often did each partition of a tenant answer by meaning, how often was it wrong, and is it switched off?"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

import structlog
from redis.asyncio import Redis

from llm_gateway.adapters.semantic_verifications import results_of, switch_of
from llm_gateway.domain.cache_key import short

log = structlog.get_logger()
PARTITIONS_PER_TENANT_MAX = 200
STANDING_SECONDS_KEPT = 30 * 24 * 3600
"""As long as verifications and switches: what was wrong is shown also when its answers are gone."""
# One command: two thirds of the CPU of a pipeline of two, twice that of a GET. A partition that was evicted meanwhile
# does not come back by it.
_COUNT_HIT = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HINCRBY', KEYS[1], 'hits', 1) or 0"


@dataclass(frozen=True, slots=True)
class PartitionStanding:
    """`differs` of the last `verified` answers were not what the model said; of a partition that is switched off, they
    are those that did it."""

    partition: str
    profile: str
    knowledge_version: str
    locale: str
    questions: int
    hits: int
    verified: int
    differs: int
    switched_off: bool


async def count_hit(redis: Redis, partition: str) -> None:
    """Remember that the partition had an answer. Raises RedisError."""
    await cast("Awaitable[int]", redis.eval(_COUNT_HIT, 1, about(partition)))


async def load_standings(redis: Redis, tenant: str) -> list[PartitionStanding]:
    """All partitions of the tenant, 200 at most, the one that learnt last first. Raises RedisError."""
    newest = redis.zrevrange(partitions_of(tenant), 0, PARTITIONS_PER_TENANT_MAX - 1)
    partitions = [one.decode() for one in await cast("Awaitable[list[bytes]]", newest)]
    async with redis.pipeline(transaction=False) as trip:
        for partition in partitions:
            trip.hgetall(about(partition))
            trip.hlen(f"cache:questions:{partition}")
            trip.lrange(results_of(partition), 0, -1)
            trip.get(switch_of(partition))
        read = await trip.execute()
    parts = zip(read[::4], read[1::4], read[2::4], read[3::4], strict=True)
    return [
        _standing(partition, described, questions, results=results, off=off)
        for partition, (described, questions, results, off) in zip(partitions, parts, strict=True)
    ]


async def switch_on(redis: Redis, tenant: str, partition: str) -> bool:
    """Let a partition answer again, with nothing held against it. False: the tenant has none of that name. Raises
    RedisError."""
    if await redis.zscore(partitions_of(tenant), partition) is None:
        return False
    await redis.delete(switch_of(partition), results_of(partition))
    log.info("semantic_cache.switched_on", partition=partition)
    return True


def partitions_of(tenant: str) -> str:
    """The key of the tenant's partitions, by when they learnt a question last."""
    return f"cache:partitions:{short(tenant)}"


def about(partition: str) -> str:
    """The key of what a partition is of, and how often it answered."""
    return f"cache:about:{partition}"


def _standing(
    partition: str, described: dict[bytes, bytes], questions: int, *, results: list[bytes], off: bytes | None
) -> PartitionStanding:
    differs, verified = results.count(b"differs"), len(results)
    if off is not None:
        differs, verified = (int(count) for count in off.split(b"/"))
    return PartitionStanding(
        partition=partition,
        profile=described.get(b"profile", b"").decode(),
        knowledge_version=described.get(b"knowledge_version", b"").decode(),
        locale=described.get(b"locale", b"").decode(),
        questions=questions,
        hits=int(described.get(b"hits", b"0")),
        verified=verified,
        differs=differs,
        switched_off=off is not None,
    )
