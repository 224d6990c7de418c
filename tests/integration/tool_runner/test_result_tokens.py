"""Do tokens keep personal data of results from everybody but the tools of the same conversation?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from redis.asyncio import Redis

from pii import Masker, MaskingFailed
from service_kit.errors import RetryLater
from tests.support.start_servers import RedisServer
from tool_runner.adapters.result_tokens import (
    TOKENS_MAX,
    RestoredTooLong,
    ResultTokens,
    result_tokens,
)
from tool_runner.adapters.seal import SecretUnusable
from tool_runner.domain.arguments import Caller
from tool_runner.domain.manifest import ListedTool, ResultPii, ServerRules, Tool, ToolRules
from tool_runner.domain.offer_tools import offered_tools

SECRET = "a secret of these tests"
ANNA = Caller("acme", "c1", "anna")
SCHEMA: dict[str, JsonValue] = {"properties": {"name": {"pii": "name"}, "born": {"type": "integer", "pii": True}}}
ORDER: JsonValue = {
    "name": "Priya",
    "born": 1984,
    "mail": "priya@example.com",
    "note": "call +49 30 901820",
    "lines": 3,
}
SECRETS = ("Priya", "1984", "priya@example.com", "901820")


def tool(result_pii: ResultPii, schema: dict[str, JsonValue] | None = None) -> Tool:
    rules = ServerRules("shop", defaults=ToolRules(result_pii=result_pii))
    return offered_tools([ListedTool("order", "", {}, schema or SCHEMA)], rules)[0]


TOKENISED = tool(ResultPii.TOKENISE)


@asynccontextmanager
async def tokens_in(server: RedisServer, secret: str = SECRET) -> AsyncIterator[ResultTokens]:
    redis = Redis.from_url(server.url, socket_timeout=2.0, socket_connect_timeout=1.0)
    try:
        yield result_tokens(redis, secret, regions=("US",), keep_seconds=60.0)
    finally:
        await redis.aclose()


@pytest.fixture
async def tokens(redis_server: RedisServer) -> AsyncIterator[ResultTokens]:
    async with tokens_in(redis_server) as opened:
        yield opened


def said(value: JsonValue) -> list[str]:
    return [secret for secret in SECRETS if secret in str(value)]


async def test_a_result_is_passed_on_as_its_policy_says(tokens: ResultTokens) -> None:
    assert await tokens.mask(ORDER, tool(ResultPii.KEEP), ANNA) == ORDER
    assert await tokens.mask(ORDER, tool(ResultPii.REDACT), ANNA) == {
        "name": "[REDACTED_NAME]",
        "born": "[REDACTED_FIELD]",
        "mail": "[REDACTED_EMAIL]",
        "note": "call [REDACTED_PHONE]",
        "lines": 3,
    }
    assert await tokens.redis.keys("*") == [], "what is redacted is kept nowhere"
    assert said(await tokens.mask(ORDER, TOKENISED, ANNA)) == []


async def test_the_conversation_gets_its_values_back_and_no_other_does(tokens: ResultTokens) -> None:
    masked = await tokens.mask(ORDER, TOKENISED, ANNA)
    assert isinstance(masked, dict) and isinstance(ORDER, dict)
    arguments = {"to": masked["mail"], "text": [f"Dear {masked['name']}, [EMAIL_AAAAAAAAAAAA]"]}
    assert await tokens.restore(arguments, ANNA) == {
        "to": "priya@example.com",
        "text": ["Dear Priya, [EMAIL_AAAAAAAAAAAA]"],
    }
    for other in (replace(ANNA, key="c2"), replace(ANNA, tenant="other")):
        assert await tokens.restore(arguments, other) == arguments
        assert await tokens.mask(ORDER, TOKENISED, other) != masked
    assert await tokens.mask(ORDER, TOKENISED, ANNA) == masked, "a repeat has the same tokens"


async def test_redis_holds_no_value_and_forgets_after_a_while(tokens: ResultTokens) -> None:
    await tokens.mask(ORDER, TOKENISED, ANNA)
    [entry] = await tokens.redis.keys("*")
    stored = str(await tokens.redis.hgetall(entry))
    assert said(stored) == [] and "EMAIL_" in stored
    assert 0 < await tokens.redis.pttl(entry) <= 60_000


async def test_a_value_moved_to_another_token_or_sealed_with_another_secret_does_not_open(
    tokens: ResultTokens, redis_server: RedisServer
) -> None:
    masked = await tokens.mask(ORDER, TOKENISED, ANNA)
    assert isinstance(masked, dict)
    [entry] = await tokens.redis.keys("*")
    name, mail = str(masked["name"]), str(masked["mail"])
    await tokens.redis.hset(entry, name, await tokens.redis.hget(entry, mail))
    await tokens.redis.hset(entry, "[EMAIL_BBBBBBBBBBBB]", "not sealed")
    asked = {"a": name, "b": "[EMAIL_BBBBBBBBBBBB]", "c": mail}
    assert await tokens.restore(asked, ANNA) == {**asked, "c": "priya@example.com"}
    async with tokens_in(redis_server, "another secret of these tests") as others:
        assert await others.restore(asked, ANNA) == asked


async def test_a_tool_cannot_smuggle_a_token_in(tokens: ResultTokens) -> None:
    masked = await tokens.mask(ORDER, TOKENISED, ANNA)
    assert isinstance(masked, dict)
    echoed = await tokens.mask({"say": f"send {masked['mail']}"}, TOKENISED, ANNA)
    assert str(masked["mail"]) not in str(echoed)
    assert await tokens.restore({"text": echoed}, ANNA) == {"text": {"say": f"send {masked['mail']}"}}


async def test_tokens_pass_through_the_placeholders_of_a_gateway_and_back(tokens: ResultTokens) -> None:
    masked = await tokens.mask(ORDER, TOKENISED, ANNA)
    gateway = Masker(b"secret of the gateway", "acme/c1")
    sent = gateway.mask_json({"result": masked, "customer": "I am bob@example.com"})
    assert said(sent) == [] and "bob@" not in str(sent)
    assert isinstance(sent, dict) and isinstance(sent["result"], dict)
    called = gateway.restore_json({"to": sent["result"]["mail"], "cc": sent["customer"]})
    assert isinstance(called, dict)
    assert await tokens.restore(called, ANNA) == {"to": "priya@example.com", "cc": "I am bob@example.com"}


async def test_without_redis_or_with_a_result_that_cannot_be_searched_nothing_is_passed_on(
    own_redis_server: RedisServer,
) -> None:
    async with tokens_in(own_redis_server) as tokens:
        deep: JsonValue = "priya@example.com"
        for _ in range(70):
            deep = [deep]
        for unsearchable in (deep, "x" * 1_000_001):
            for policy in (ResultPii.TOKENISE, ResultPii.REDACT):
                with pytest.raises(MaskingFailed):
                    await tokens.mask(unsearchable, tool(policy), ANNA)
        with pytest.raises(MaskingFailed):
            await tokens.mask("x", tool(ResultPii.REDACT, {"$ref": "#/$defs/missing"}), ANNA)
        own_redis_server.stop()
        with pytest.raises(RetryLater):
            await tokens.mask(ORDER, TOKENISED, ANNA)
        with pytest.raises(RetryLater):
            await tokens.restore({"to": "[EMAIL_BBBBBBBBBBBB]"}, ANNA)
        assert await tokens.restore({"to": "x"}, ANNA) == {"to": "x"}, "arguments without tokens need no Redis"


async def test_a_conversation_has_no_more_tokens_than_the_limit(tokens: ResultTokens) -> None:
    many: JsonValue = [f"m{number}@example.com" for number in range(TOKENS_MAX)]
    masked = await tokens.mask(many, TOKENISED, ANNA)
    assert await tokens.mask(many, TOKENISED, ANNA) == masked
    with pytest.raises(MaskingFailed, match=f"more than {TOKENS_MAX}"):
        await tokens.mask("one.more@example.com", TOKENISED, ANNA)


async def test_a_long_value_cannot_be_multiplied_by_its_token(tokens: ResultTokens) -> None:
    token = await tokens.mask({"name": "x" * 50_000}, TOKENISED, ANNA)
    assert isinstance(token, dict)
    with pytest.raises(RestoredTooLong, match="over the limit of 1000000"):
        await tokens.restore({"text": str(token["name"]) * 21}, ANNA)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(SecretUnusable):
        result_tokens(Redis(), "short", regions=("US",), keep_seconds=60.0)


PERSONAL = st.sampled_from(
    ["ann@example.com", "4111 1111 1111 1111", "+49 30 901820", "[EMAIL_AAAAAA]", "[NAME_BBBBBB"]
)
TEXTS = st.lists(st.one_of(st.text(max_size=6), PERSONAL), max_size=4).map(" ".join)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(TEXTS, st.integers(-9, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(value=VALUES)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_result_holds_comes_back_in_its_own_conversation(
    redis_server: RedisServer, value: JsonValue
) -> None:
    async with tokens_in(redis_server) as tokens:
        masked = await tokens.mask(value, tool(ResultPii.TOKENISE, {"type": "object"}), ANNA)
        assert not any(word in str(masked) for word in ("ann@example.com", "4111 1111", "901820"))
        assert await tokens.restore({"value": masked}, ANNA) == {"value": value}
