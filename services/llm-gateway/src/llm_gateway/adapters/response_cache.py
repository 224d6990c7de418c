"""Has this been answered before?"""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import orjson
import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from llm_gateway.adapters.batched_get import BatchedGet
from llm_gateway.adapters.embedder import VectorMissing
from llm_gateway.adapters.semantic_index import Question, SemanticIndex
from llm_gateway.adapters.semantic_standing import count_hit
from llm_gateway.adapters.semantic_verifications import count_verification
from llm_gateway.domain.answer import Answer
from llm_gateway.domain.cache_key import Lookup, may_be_kept, short

log = structlog.get_logger()
ANSWER_BYTES_MAX = 64 * 1024
ENTRIES_PER_TENANT_MAX = 20_000
AWAY = (RedisError, OSError, ValueError, TypeError, ImportError, VectorMissing)
"""The server is away, or keeps what another version wrote, or there are no embeddings: a miss."""
LOOKUPS = Counter("hil_cache_lookups_total", "Lookups of the response cache.", ("tier", "result"))
# KEYS: entry, index of the tenant   ARGV: answer, seconds kept, now, how many at most
_STORE = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[2], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
  local oldest = redis.call('ZRANGE', KEYS[2], 0, over - 1)
  for _, key in ipairs(oldest) do redis.call('DEL', key) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
return over
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer that was given before. `verify`: this time the model is asked as well, to see whether it agrees."""

    answer: Answer
    tier: str
    partition: str
    verify: bool = False


@dataclass(slots=True)
class ResponseCache:
    """The exact tier, and behind it the tier by meaning where the request allows it. A cache that is away is a miss:
    nothing here ever fails a request."""

    redis: Redis
    index: SemanticIndex
    now: Callable[[], datetime]
    verify_share: float = 0.05
    _random: random.Random = field(default_factory=random.SystemRandom)
    _reader: BatchedGet = field(init=False)

    def __post_init__(self) -> None:
        self._reader = BatchedGet(self.redis)

    async def find(self, lookup: Lookup) -> Hit | None:
        """The answer to this request, or to one that means the same."""
        try:
            stored = await self._reader.get(_key(lookup.call.tenant, lookup.key))
            if stored is not None:
                LOOKUPS.labels("exact", "hit").inc()
                return Hit(_answer(stored), "exact", lookup.partition)
            LOOKUPS.labels("exact", "miss").inc()
            return None if lookup.question is None else await self._find_by_meaning(lookup, lookup.question)
        except AWAY as error:
            LOOKUPS.labels("exact", "away").inc()
            log.warning("response_cache.away", error=type(error).__name__)
            return None

    async def store(self, lookup: Lookup, answer: Answer) -> None:
        """Keep the answer for as long as the request's policy says, if it may be kept."""
        body = orjson.dumps(_stored(answer))
        if not may_be_kept(answer) or len(body) > ANSWER_BYTES_MAX:
            return
        ttl, now = lookup.policy.ttl_seconds, int(self.now().timestamp())
        keys = (_key(lookup.call.tenant, lookup.key), f"cache:index:{short(lookup.call.tenant)}")
        try:
            storing = self.redis.eval(_STORE, 2, *keys, body, str(ttl), str(now), str(ENTRIES_PER_TENANT_MAX))
            await cast("Awaitable[object]", storing)
            if lookup.question is not None:
                digest = hashlib.blake2b(answer.text.encode(), digest_size=8).hexdigest()
                await self.index.add(Question(lookup, lookup.question, digest, ttl))
        except AWAY as error:
            log.warning("response_cache.away", error=type(error).__name__)

    async def verified(self, hit: Hit, fresh: Answer) -> None:
        """What the model said to a question that the cache would have answered."""
        try:
            agrees = await self.index.agree(hit.answer.text, fresh.text)
            await count_verification(self.redis, hit.partition, "agrees" if agrees else "differs")
        except AWAY as error:
            log.warning("response_cache.away", error=type(error).__name__)

    async def _find_by_meaning(self, lookup: Lookup, question: str) -> Hit | None:
        found = await self.index.find(lookup, question)
        stored = None
        if found is not None:
            stored = await self._reader.get(_key(lookup.call.tenant, found))
        LOOKUPS.labels("semantic", "miss" if stored is None else "hit").inc()
        if stored is None:
            return None
        await count_hit(self.redis, lookup.partition)
        return Hit(_answer(stored), "semantic", lookup.partition, self._random.random() < self.verify_share)


def _key(tenant: str, key: str) -> str:
    return f"cache:answer:{short(tenant)}:{key}"


def _stored(answer: Answer) -> dict[str, object]:
    return {
        "model": answer.model,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "replayed": answer.replayed,
        "raw": answer.raw,
    }


def _answer(stored: bytes) -> Answer:
    """As it was, without its usage: it is not paid for again."""
    return replace(Answer(**orjson.loads(stored)), usage=None)
