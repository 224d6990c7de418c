"""Does the cache of results answer the same question, and no other?"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until
from tool_runner.adapters.result_cache import ENTRY_BYTES_MAX, Question, ResultCache, question_of
from tool_runner.adapters.seal import Seal
from tool_runner.domain.arguments import Caller
from tool_runner.domain.manifest import Json, SideEffect, Tool, ToolRules
from tool_runner.domain.outcome import Done

RULES = ToolRules(side_effect=SideEffect.READ, cache_ttl_seconds=60)
TOOL = Tool("shop", "look", "", {}, None, RULES, None, None, None, None)
CALLER = Caller("acme", "c1", "u1")
ARGUMENTS: Json = {"order": "W1", "with": [1, None, {"a": 0.5}]}
RESULT = Done({"name": "Ada Lovelace", "items": [1, None, "ü"], "total": 12.5})


@pytest.fixture
async def cache(redis_server: RedisServer) -> AsyncIterator[ResultCache]:
    redis = Redis.from_url(redis_server.url)
    yield ResultCache(redis, Seal("the ledger of the tests"))
    await redis.aclose()


def asked(
    tool: Tool = TOOL,
    caller: Caller = CALLER,
    arguments: Json = ARGUMENTS,
    *,
    version: str = "v1",
    connected_at_ms: int | None = None,
) -> Question:
    question = question_of(tool, caller, arguments, version=version, connected_at_ms=connected_at_ms)
    assert question is not None
    return question


async def test_the_same_question_has_the_same_answer_until_it_is_too_old(cache: ResultCache) -> None:
    short = replace(asked(), keep_seconds=0.05)
    assert await cache.get(short) is None
    await cache.put(short, RESULT)
    assert await cache.get(asked(arguments={"with": [1, None, {"a": 0.5}], "order": "W1"})) == RESULT

    async def is_gone() -> bool:
        return await cache.get(short) is None

    await wait_until(is_gone)


@pytest.mark.parametrize(
    "other",
    [
        asked(caller=Caller("other", "c1", "u1")),
        asked(caller=Caller("acme", "c1", "u2")),
        asked(caller=Caller("acme", "c1")),
        asked(tool=replace(TOOL, local_name="find")),
        asked(version="v2"),
        asked(arguments={"order": "W2"}),
        asked(connected_at_ms=1),
    ],
    ids=["tenant", "entity", "no entity", "tool", "version", "arguments", "account"],
)
async def test_another_question_has_no_answer(cache: ResultCache, other: Question) -> None:
    await cache.put(asked(), RESULT)
    assert await cache.get(other) is None


def test_a_tool_with_a_state_for_each_conversation_has_an_answer_for_each() -> None:
    stateful = replace(TOOL, state_key="{tenant}/{key}", state_key_argument="state_key")
    other = Caller("acme", "c2", "u1")
    assert asked(stateful) != asked(stateful, other)
    assert asked() == asked(caller=other)


@pytest.mark.parametrize(
    "rules",
    [replace(RULES, side_effect=SideEffect.WRITE), replace(RULES, cache_ttl_seconds=0)],
    ids=["writes", "unset"],
)
def test_what_writes_or_is_not_declared_is_not_kept(rules: ToolRules) -> None:
    assert question_of(replace(TOOL, rules=rules), CALLER, ARGUMENTS, version="v1") is None


@pytest.mark.parametrize("done", [Done({"e": 1}, is_error=True), Done("x" * ENTRY_BYTES_MAX)], ids=["error", "large"])
async def test_errors_and_large_results_are_not_kept(cache: ResultCache, done: Done) -> None:
    await cache.put(asked(), done)
    assert await cache.get(asked()) is None


async def test_nobody_reads_it_in_redis_and_what_was_moved_or_spoilt_is_no_answer(cache: ResultCache) -> None:
    await cache.put(asked(), RESULT)
    stored = await cache.redis.get(asked().entry)
    assert b"Ada" not in stored and b"W1" not in stored
    await cache.redis.set(asked(version="v2").entry, stored)
    assert await cache.get(asked(version="v2")) is None
    await cache.redis.set(asked().entry, stored[:-8])
    assert await cache.get(asked()) is None
    assert await ResultCache(cache.redis, Seal("another secret of them")).get(asked()) is None


async def test_without_redis_the_tool_is_asked() -> None:
    redis = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1.0)
    cache = ResultCache(redis, Seal("the ledger of the tests"))
    await cache.put(asked(), RESULT)
    assert await cache.get(asked()) is None
    await redis.aclose()
