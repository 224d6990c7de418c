"""How often was the semantic cache wrong lately, and where may it not be used any more?"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, cast

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis

log = structlog.get_logger()
Result = Literal["agrees", "differs"]
WINDOW = 200
"""Verifications that count, the newest of a partition."""
VERIFIED_MIN = 20
DIFFERS_SHARE_MAX = 0.05
_SECONDS_KEPT = 30 * 24 * 3600
VERIFICATIONS = Counter(
    "hil_cache_verifications_total", "Semantic hits that were asked again, and whether the answers agreed.", ("result",)
)
SWITCHED_OFF = Counter("hil_cache_switched_off_total", "Partitions whose semantic hits were wrong too often.")
# KEYS: results, switch   ARGV: result, how many count, seconds kept, least number, largest share
_COUNT = """
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local results, differs = redis.call('LRANGE', KEYS[1], 0, -1), 0
for _, result in ipairs(results) do if result == 'differs' then differs = differs + 1 end end
local off = 0
if #results >= tonumber(ARGV[4]) and differs > tonumber(ARGV[5]) * #results
    and redis.call('SET', KEYS[2], differs .. '/' .. #results, 'NX', 'EX', ARGV[3]) then
  off = 1
  redis.call('DEL', KEYS[1])
end
return {#results, differs, off}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the last verifications of a partition, how many differed. `off`: this one was one too many."""

    verified: int
    differs: int
    off: bool


async def count_verification(redis: Redis, partition: str, result: Result) -> Standing:
    """Remember how a sampled hit turned out, and switch the partition off where too many differ. Raises RedisError."""
    VERIFICATIONS.labels(result).inc()
    least, share = str(VERIFIED_MIN), str(DIFFERS_SHARE_MAX)
    counting = redis.eval(
        _COUNT, 2, results_of(partition), switch_of(partition), result, str(WINDOW), str(_SECONDS_KEPT), least, share
    )
    verified, differs, off = await cast("Awaitable[tuple[int, int, int]]", counting)
    if off:
        SWITCHED_OFF.inc()
        log.warning("semantic_cache.switched_off", partition=partition, verified=verified, differs=differs)
    return Standing(verified, differs, bool(off))


def switch_of(partition: str) -> str:
    """The key that exists while the partition is switched off: until it is switched on again, 30 days at most. Its
    value says why: how many of how many verifications differed."""
    return f"cache:off:{partition}"


def results_of(partition: str) -> str:
    """The key of the last verifications, the newest first."""
    return f"cache:verified:{partition}"
