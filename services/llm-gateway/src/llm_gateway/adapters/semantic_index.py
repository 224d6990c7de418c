"""Which question that was answered before means the same as this one?"""

import base64
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray
from redis.asyncio import Redis

from llm_gateway.adapters.embedder import Embedder
from llm_gateway.domain.semantic_guard import ask_the_same

log = structlog.get_logger()
QUESTIONS_PER_PARTITION_MAX = 1_000
PARTITIONS_IN_MEMORY_MAX = 64
SIMILARITY_MIN = 0.88
MARGIN = 0.03
"""Another question that is nearly as near, and was answered otherwise, makes both doubtful."""
AGREEMENT_MIN = 0.85
"""Two answers as alike as this, or the same words, agree."""
DIFFERS_SHARE_MAX, VERIFICATIONS_MIN = 0.05, 20
# KEYS: questions, version   ARGV: key, question as JSON, seconds kept, how many at most
_ADD = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local names = redis.call('HKEYS', KEYS[1])
if #names > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], names[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
local version = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return version
"""


@dataclass(frozen=True, slots=True)
class _Partition:
    version: bytes | None
    keys: list[str]
    questions: list[str]
    vectors: NDArray[np.float32]


@dataclass(slots=True)
class SemanticIndex:
    """Questions by partition: kept in Redis, so that replicas share them, and in memory as long as nothing is added."""

    redis: Redis
    embedder: Embedder
    _partitions: "OrderedDict[str, _Partition]" = field(default_factory=OrderedDict)

    async def find(self, partition: str, question: str) -> str | None:
        """The key of the answer to a question that asks the same. Raises RedisError."""
        if await self._is_switched_off(partition):
            return None
        known = await self._load(partition)
        if not known.keys:
            return None
        found = nearest(question, known.questions, known.vectors @ self.embedder(question))
        return None if found is None else known.keys[found]

    async def add(self, partition: str, question: str, key: str, *, ttl_seconds: int) -> None:
        """Remember that this question has an answer. Raises RedisError."""
        vector = base64.b85encode(self.embedder(question).tobytes()).decode()
        entry = orjson.dumps({"question": question, "vector": vector, "embedder": self.embedder.name})
        adding = self.redis.eval(
            _ADD, 2, _questions(partition), _version(partition), key, entry, str(ttl_seconds),
            str(QUESTIONS_PER_PARTITION_MAX),
        )  # fmt: skip
        await cast("Awaitable[int]", adding)

    def agree(self, cached: str, fresh: str) -> bool:
        """Whether two answers say the same, as far as words and embeddings tell."""
        if " ".join(cached.lower().split()) == " ".join(fresh.lower().split()):
            return True
        alike = float(self.embedder(cached) @ self.embedder(fresh))
        return alike >= AGREEMENT_MIN and ask_the_same(cached, fresh)

    async def count_verification(self, partition: str, result: str) -> None:
        """Remember how a sampled hit turned out. Raises RedisError."""
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.hincrby(_verified(partition), result, 1)
        pipeline.expire(_verified(partition), 7 * 24 * 3600)
        await pipeline.execute()

    async def error_rate(self, partition: str) -> tuple[float, int]:
        """Share of verified hits whose answers differed, and how many were verified. Raises RedisError."""
        reading = cast("Awaitable[list[bytes | None]]", self.redis.hmget(_verified(partition), ["agrees", "differs"]))
        agrees, differs = (int(number or 0) for number in await reading)
        return (differs / (agrees + differs) if agrees + differs else 0.0), agrees + differs

    async def _is_switched_off(self, partition: str) -> bool:
        """A partition that was wrong too often answers nothing more, until its counts expire after a week."""
        rate, verified = await self.error_rate(partition)
        if verified < VERIFICATIONS_MIN or rate <= DIFFERS_SHARE_MAX:
            return False
        log.warning("semantic_cache.switched_off", partition=partition, error_rate=round(rate, 3), verified=verified)
        return True

    async def _load(self, partition: str) -> _Partition:
        version = await cast("Awaitable[bytes | None]", self.redis.get(_version(partition)))
        known = self._partitions.pop(partition, None)
        if known is None or known.version != version:
            reading = cast("Awaitable[dict[bytes, bytes]]", self.redis.hgetall(_questions(partition)))
            known = self._read(version, await reading)
        self._partitions[partition] = known
        while len(self._partitions) > PARTITIONS_IN_MEMORY_MAX:
            self._partitions.popitem(last=False)
        return known

    def _read(self, version: bytes | None, stored: dict[bytes, bytes]) -> _Partition:
        entries = [(key.decode(), orjson.loads(entry)) for key, entry in stored.items()]
        entries = [(key, entry) for key, entry in entries if entry["embedder"] == self.embedder.name]
        vectors = [np.frombuffer(base64.b85decode(entry["vector"]), dtype=np.float32) for _, entry in entries]
        matrix = np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)
        return _Partition(version, [key for key, _ in entries], [entry["question"] for _, entry in entries], matrix)


def nearest(question: str, known: list[str], likeness: NDArray[np.float32]) -> int | None:
    """The place of the known question that asks the same: near enough, by far the nearest, and with nothing decisive
    that differs."""
    order = np.argsort(likeness)[::-1]
    best = int(order[0])
    if likeness[best] < SIMILARITY_MIN or not ask_the_same(question, known[best]):
        return None
    rival = next((int(other) for other in order[1:] if known[int(other)] != known[best]), None)
    if rival is not None and likeness[best] - likeness[rival] < MARGIN and likeness[best] < 0.999:
        return None
    return best


def _questions(partition: str) -> str:
    return f"cache:questions:{partition}"


def _version(partition: str) -> str:
    return f"cache:version:{partition}"


def _verified(partition: str) -> str:
    return f"cache:verified:{partition}"
