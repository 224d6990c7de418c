"""Which question that was answered before means the same as this one?"""

import asyncio
import base64
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import numpy as np
import orjson
from numpy.typing import NDArray
from redis.asyncio import Redis

from llm_gateway.adapters.embedder import Embedder, Vectors, WordllamaEmbedder
from llm_gateway.adapters.semantic_standing import (
    PARTITIONS_PER_TENANT_MAX,
    STANDING_SECONDS_KEPT,
    about,
    partitions_of,
)
from llm_gateway.adapters.semantic_verifications import switch_of
from llm_gateway.domain.cache_key import Lookup
from llm_gateway.domain.semantic_guard import numbers_of
from llm_gateway.domain.semantic_match import nearest

QUESTIONS_PER_PARTITION_MAX = 1_000
PARTITIONS_IN_MEMORY_MAX = 64
AGREEMENT_MIN = 0.85
"""Two answers as alike as this that name the same numbers agree."""
_COMPARED_CHARACTERS_MAX = 2_000
# KEYS: questions, ages, version, partitions of the tenant, about
# ARGV: key, question as JSON, seconds kept, now, new version, partition, questions at most, partitions at most,
# profile, knowledge version, locale, seconds that the standing is kept
_ADD = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[7])
if over > 0 then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do redis.call('HDEL', KEYS[1], key) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
redis.call('SET', KEYS[3], ARGV[5])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[6])
redis.call('HSET', KEYS[5], 'profile', ARGV[9], 'knowledge_version', ARGV[10], 'locale', ARGV[11])
for place = 1, 3 do
  if redis.call('TTL', KEYS[place]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[place], ARGV[3]) end
end
redis.call('EXPIRE', KEYS[4], ARGV[12])
redis.call('EXPIRE', KEYS[5], ARGV[12])
over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[8])
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', KEYS[4], 0, over - 1)) do
    redis.call('DEL', 'cache:questions:' .. old, 'cache:ages:' .. old, 'cache:version:' .. old, 'cache:about:' .. old)
  end
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, over - 1)
end
return over
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a lookup that has an answer now; `answer` tells answers apart."""

    lookup: Lookup
    text: str
    answer: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class _Partition:
    version: bytes | None
    keys: list[str]
    texts: list[str]
    answers: list[str]
    until: NDArray[np.float64]
    vectors: Vectors


@dataclass(slots=True)
class SemanticIndex:
    """Questions by partition: kept in Redis, so that replicas share them, and in memory as long as nothing is added.
    All of it is bounded: questions of a partition, partitions of a tenant, partitions in memory."""

    redis: Redis
    embedder: Embedder
    now: Callable[[], datetime]
    _partitions: "OrderedDict[str, _Partition]" = field(default_factory=OrderedDict)

    async def find(self, lookup: Lookup, text: str) -> str | None:
        """The key of the answer to a question that asks the same; None in a partition that is switched off. Raises
        RedisError, VectorMissing."""
        partition = lookup.partition
        reading = self.redis.mget(f"cache:version:{partition}", switch_of(partition))
        version, off = await cast("Awaitable[list[bytes | None]]", reading)
        if version is None or off is not None:
            return None
        known = await self._load(partition, version)
        if not known.keys:
            return None
        likeness = known.vectors @ await self.embedder.embed(text, lookup.call)
        likeness[known.until <= self.now().timestamp()] = -1
        found = nearest(text, known.texts, answers=known.answers, likeness=likeness)
        return None if found is None else known.keys[found]

    async def add(self, question: Question) -> None:
        """Remember that this question has an answer. Raises RedisError, VectorMissing."""
        vector = await self.embedder.embed(question.text, question.lookup.call)
        now, lookup = self.now().timestamp(), question.lookup
        entry = {
            "text": question.text,
            "answer": question.answer,
            "until": now + question.ttl_seconds,
            "base64": base64.b64encode(vector.tobytes()).decode(),
            "embedder": self.embedder.name,
        }
        questions, ages, version = (f"cache:{part}:{lookup.partition}" for part in ("questions", "ages", "version"))
        keys = (questions, ages, version, partitions_of(lookup.call.tenant), about(lookup.partition))
        values = (lookup.key, orjson.dumps(entry), str(question.ttl_seconds), str(now), secrets.token_hex(8))
        bounds = (lookup.partition, str(QUESTIONS_PER_PARTITION_MAX), str(PARTITIONS_PER_TENANT_MAX))
        policy = lookup.policy
        described = (lookup.call.profile, policy.knowledge_version, policy.locale, str(STANDING_SECONDS_KEPT))
        await cast("Awaitable[int]", self.redis.eval(_ADD, len(keys), *keys, *values, *bounds, *described))

    async def agree(self, cached: str, fresh: str) -> bool:
        """Whether two answers say the same, as far as numbers and the shipped embeddings tell."""
        if " ".join(cached.lower().split()) == " ".join(fresh.lower().split()):
            return True
        if numbers_of(cached) != numbers_of(fresh):
            return False
        compared = [text[:_COMPARED_CHARACTERS_MAX] for text in (cached, fresh)]
        one, other = await WordllamaEmbedder().vectors(compared)
        return float(one @ other) >= AGREEMENT_MIN

    async def _load(self, partition: str, version: bytes) -> _Partition:
        known = self._partitions.pop(partition, None)
        if known is None or known.version != version:
            reading = cast("Awaitable[dict[bytes, bytes]]", self.redis.hgetall(f"cache:questions:{partition}"))
            known = await asyncio.to_thread(self._read, version, await reading)  # 15 ms for 1,000 questions.
        self._partitions[partition] = known
        while len(self._partitions) > PARTITIONS_IN_MEMORY_MAX:
            self._partitions.popitem(last=False)
        return known

    def _read(self, version: bytes, stored: dict[bytes, bytes]) -> _Partition:
        read = [(key.decode(), orjson.loads(entry)) for key, entry in stored.items()]
        entries = [(key, entry) for key, entry in read if entry["embedder"] == self.embedder.name and "base64" in entry]
        vectors = [np.frombuffer(base64.b64decode(entry["base64"]), dtype=np.float32) for _, entry in entries]
        return _Partition(
            version,
            [key for key, _ in entries],
            [entry["text"] for _, entry in entries],
            [entry["answer"] for _, entry in entries],
            np.array([entry["until"] for _, entry in entries], dtype=np.float64),
            np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32),
        )
