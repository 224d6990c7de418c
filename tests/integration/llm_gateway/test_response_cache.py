"""Does the cache on a real Redis keep what it may, within its bounds, and find nothing across a partition?"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from redis.asyncio import Redis
from tests.support.start_servers import RedisServer

from contracts.completions import CachePolicy
from llm_gateway.adapters import response_cache, semantic_index
from llm_gateway.adapters.embedder import Vector, WordllamaEmbedder
from llm_gateway.adapters.response_cache import ResponseCache
from llm_gateway.adapters.semantic_index import SemanticIndex
from llm_gateway.adapters.semantic_standing import (
    PartitionStanding,
    about,
    count_hit,
    load_standings,
    partitions_of,
    switch_on,
)
from llm_gateway.adapters.semantic_verifications import VERIFIED_MIN
from llm_gateway.domain.answer import Answer, Usage
from llm_gateway.domain.cache_key import Lookup, lookup_for
from llm_gateway.domain.call import Call

QUESTION = "How do I reset my password?"
PARAPHRASE = "how can i reset my password please"


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


class Blind:
    """Finds all texts equal: whatever keeps two apart is not the embedding."""

    name = "blind"

    async def embed(self, text: str, payer: Call) -> Vector:
        return np.ones(1, dtype=np.float32)


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url)
    yield client
    await client.aclose()


def cache_on(redis: Redis, clock: Clock | None = None, verify_share: float = 0.0) -> ResponseCache:
    now = clock or Clock()
    return ResponseCache(redis, SemanticIndex(redis, WordllamaEmbedder(), now), now, verify_share=verify_share)


def lookup(text: str = QUESTION, tenant: str = "acme", profile: str = "p", system: str = "s", **policy: str) -> Lookup:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    cache = CachePolicy.model_validate({"tier": "semantic", "ttl_seconds": 100} | policy)
    found = lookup_for(Call("r", "bus", tenant, profile, {}, "c", 10, cache=cache), {"messages": messages}, {})
    assert found is not None
    return found


async def test_an_answer_is_found_again_without_its_usage(redis: Redis) -> None:
    cache = cache_on(redis)
    assert await cache.find(lookup()) is None
    await cache.store(lookup(), Answer("m", "So.", usage=Usage(5, 0, 3), raw={"id": "x"}))
    hit = await cache.find(lookup())
    assert hit is not None and hit.tier == "exact"
    assert hit.answer == Answer("m", "So.", raw={"id": "x"})


async def test_a_question_that_means_the_same_is_answered_by_every_replica(redis: Redis) -> None:
    one, other = cache_on(redis), cache_on(redis)
    assert await other.find(lookup(PARAPHRASE)) is None
    await one.store(lookup(), Answer("m", "So."))
    hit = await other.find(lookup(PARAPHRASE))
    assert hit is not None and (hit.tier, hit.answer.text) == ("semantic", "So.")


async def test_a_question_that_only_sounds_the_same_is_not(redis: Redis) -> None:
    cache = cache_on(redis)
    await cache.store(lookup("Where is my order 4711?"), Answer("m", "Here."))
    await cache.store(lookup("How do I freeze my card?"), Answer("m", "So."))
    for text in ("Where is my order 4712?", "How do I unfreeze my card?", "How do I not freeze my card?"):
        assert await cache.find(lookup(text)) is None


async def test_an_exact_policy_finds_nothing_by_meaning(redis: Redis) -> None:
    cache = cache_on(redis)
    await cache.store(lookup(), Answer("m", "So."))
    assert await cache.find(lookup(PARAPHRASE, tier="exact")) is None


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_is_found_across_a_partition(redis: Redis, seed: int) -> None:
    """Every partition differs from some others in one thing only; the embedder takes all questions for the same."""
    draw = random.Random(seed)
    ways = [draw.sample([f"{seed}", f"{seed}x", "", "ä", "a/b", "b"], 2) for _ in range(5)]
    now = Clock()
    cache = ResponseCache(redis, SemanticIndex(redis, Blind(), now), now, verify_share=0)
    walls = list(itertools.product(*ways))
    stored = draw.sample(walls, 16)

    def within(wall: tuple[str, ...], text: str) -> Lookup:
        tenant, profile, system, version, locale = wall
        return lookup(text, tenant, profile, system, knowledge_version=version, locale=locale)

    for wall in stored:
        await cache.store(within(wall, "reset password"), Answer("m", repr(wall)))
    for wall in walls:
        for text in ("reset password", "password reset"):
            hit = await cache.find(within(wall, text))
            assert (None if hit is None else hit.answer.text) == (repr(wall) if wall in stored else None)


async def test_nothing_is_found_after_its_time_and_nothing_large_or_cut_is_kept(redis: Redis) -> None:
    clock = Clock()
    cache = cache_on(redis, clock)
    await cache.store(lookup("large"), Answer("m", "x" * response_cache.ANSWER_BYTES_MAX))
    await cache.store(lookup("cut"), Answer("m", "x", finish_reason="length"))
    assert await redis.keys("cache:*") == []
    await cache.store(lookup(), Answer("m", "So."))
    assert 0 < await redis.ttl((await redis.keys("cache:answer:*"))[0]) <= 100
    clock.time += timedelta(seconds=101)
    assert await cache.find(lookup(PARAPHRASE)) is None


async def test_all_that_is_kept_is_bounded(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_cache, "ENTRIES_PER_TENANT_MAX", 5)
    monkeypatch.setattr(semantic_index, "QUESTIONS_PER_PARTITION_MAX", 3)
    monkeypatch.setattr(semantic_index, "PARTITIONS_PER_TENANT_MAX", 2)
    clock = Clock()
    cache = cache_on(redis, clock)
    for system, number in itertools.product("abc", range(5)):
        clock.time += timedelta(seconds=1)
        await cache.store(lookup(f"question {number}", system=system), Answer("m", "So."))
    assert len(await redis.keys("cache:answer:*")) == 5
    partitions = await redis.keys("cache:questions:*")
    assert [await redis.hlen(one) for one in partitions] == [3, 3]
    for part in ("ages", "version", "about"):
        assert len(await redis.keys(f"cache:{part}:*")) == 2
    assert await cache.find(lookup("question 4", system="c")) is not None
    assert await cache.find(lookup("question 0", system="a")) is None
    await count_hit(redis, lookup(system="a").partition)
    assert len(await redis.keys("cache:about:*")) == 2


async def test_a_partition_that_was_wrong_too_often_is_silent_until_it_is_switched_on(redis: Redis) -> None:
    cache = cache_on(redis, verify_share=1.0)
    await cache.store(lookup(), Answer("m", "Open the settings."))
    for place in range(VERIFIED_MIN):
        hit = await cache.find(lookup(PARAPHRASE))
        assert hit is not None and hit.verify
        await cache.verified(hit, Answer("m", "Open the settings." if place % 9 else "We are closed at 7."))
    assert await cache.find(lookup(PARAPHRASE)) is None
    [standing] = await load_standings(redis, "acme")
    assert (standing.verified, standing.differs, standing.switched_off) == (VERIFIED_MIN, 3, True)
    assert await switch_on(redis, "acme", lookup().partition)
    assert await cache.find(lookup(PARAPHRASE)) is not None
    [standing] = await load_standings(redis, "acme")
    assert (standing.verified, standing.differs, standing.switched_off) == (0, 0, False)


async def test_a_tenant_is_told_how_often_its_partitions_answered_and_were_wrong(redis: Redis) -> None:
    clock = Clock()
    cache = cache_on(redis, clock, verify_share=1.0)
    await cache.store(lookup(system="older"), Answer("m", "So."))
    clock.time += timedelta(seconds=1)
    asked = lookup(PARAPHRASE, profile="fast", knowledge_version="v7", locale="en")
    await cache.store(lookup(profile="fast", knowledge_version="v7", locale="en"), Answer("m", "So."))
    for fresh in ("So.", "so.", "At 7."):
        hit = await cache.find(asked)
        assert hit is not None
        await cache.verified(hit, Answer("m", fresh))
    newest, oldest = await load_standings(redis, "acme")
    assert newest == PartitionStanding(
        partition=asked.partition,
        profile="fast",
        knowledge_version="v7",
        locale="en",
        questions=1,
        hits=3,
        verified=3,
        differs=1,
        switched_off=False,
    )
    assert (oldest.hits, oldest.verified) == (0, 0)
    await redis.delete(f"cache:questions:{asked.partition}")  # Its time was over.
    assert (await load_standings(redis, "acme"))[0].differs == 1
    kept = [await redis.ttl(key) for key in (partitions_of("acme"), about(asked.partition))]
    assert min(kept) > 29 * 24 * 3600
    assert await load_standings(redis, "other") == []
    assert not await switch_on(redis, "other", asked.partition)


async def test_a_partition_that_is_right_stays_on(redis: Redis) -> None:
    cache = cache_on(redis, verify_share=1.0)
    await cache.store(lookup(), Answer("m", "Open the settings."))
    for _ in range(2 * VERIFIED_MIN):
        hit = await cache.find(lookup(PARAPHRASE))
        assert hit is not None
        await cache.verified(hit, Answer("m", "open the  settings."))
    assert await cache.find(lookup(PARAPHRASE)) is not None


async def test_a_cache_that_is_away_is_a_miss(own_redis_server: RedisServer) -> None:
    client = Redis.from_url(own_redis_server.url, socket_timeout=1)
    cache = cache_on(client)
    await cache.store(lookup(), Answer("m", "So."))
    hit = await cache.find(lookup(PARAPHRASE))
    assert hit is not None
    own_redis_server.kill()
    assert await cache.find(lookup()) is None
    await cache.store(lookup(), Answer("m", "So."))
    await cache.verified(hit, Answer("m", "So."))
    await client.aclose()


async def test_what_another_version_wrote_is_a_miss(redis: Redis) -> None:
    cache = cache_on(redis)
    await cache.store(lookup(), Answer("m", "So."))
    (key,) = await redis.keys("cache:answer:*")
    await redis.set(key, '{"unheard_of": 1}')
    assert await cache.find(lookup()) is None


async def test_many_lookups_share_a_trip_and_each_gets_its_own(redis: Redis) -> None:
    cache = cache_on(redis)
    for number in range(0, 300, 2):
        await cache.store(lookup(f"question {number}", tier="exact"), Answer("m", str(number)))
    calls_before = (await redis.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]
    hits = await asyncio.gather(*(cache.find(lookup(f"question {number}", tier="exact")) for number in range(300)))
    calls = (await redis.info("commandstats"))["cmdstat_mget"]["calls"] - calls_before
    assert [hit.answer.text if hit else None for hit in hits] == [
        None if number % 2 else str(number) for number in range(300)
    ]
    assert calls == 3


async def test_a_lookup_that_is_given_up_leaves_the_others_theirs(redis: Redis) -> None:
    cache = cache_on(redis)
    await cache.store(lookup(), Answer("m", "So."))
    gone, stays = (asyncio.create_task(cache.find(lookup())) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    hit = await stays
    assert hit is not None and hit.answer.text == "So."
