"""Can a client of OpenAI's API do its work through the gateway, by base URL and key only?"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import yaml
from openai import AsyncOpenAI
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.gateway_kit import Bench
from tests.support.costly_schemas import doubled
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from contracts.budgets import BudgetExhausted, BudgetRaised
from contracts.costs import CostRecorded
from hil.embedded.ports import free_port
from hil.replay_model import Rule, ScriptedCall

KEYS = {"all": ["chat", "embeddings", "models", "admin"], "models-only": ["models"]}
TENANT = "acme"
SCHEMA = {"type": "object", "required": ["intent"], "properties": {"intent": {"enum": ["refund", "other"]}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "parameters": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    },
}


@asynccontextmanager
async def http_gateway(
    start: StartBench, folder: Path, *rules: Rule, **settings: Any
) -> AsyncIterator[tuple[Bench, str]]:
    """A gateway that listens, and its address."""
    keys, port = folder / "keys.yaml", free_port()
    entries = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "tenant": TENANT, "scopes": scopes}
        for name, scopes in KEYS.items()
    ]
    keys.write_text(yaml.safe_dump({"keys": entries}))
    async with start(*rules, http_port=port, api_keys_file=keys, **settings) as bench:
        url = f"http://127.0.0.1:{port}"
        await wait_until(lambda: _answers(url))
        yield bench, url


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def client(url: str, key: str = "all") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def ask(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "balanced", "messages": [{"role": "user", "content": text}], **fields}


async def test_chat_streams_tools_schemas_and_models_work_with_the_official_client(
    start_bench: StartBench, tmp_path: Path
) -> None:
    call = ScriptedCall(name="get_order", arguments={"id": "7"}, id="call_1")
    rules = [
        Rule(match="plain", text="good day", times=None),
        Rule(match="tool", tool_calls=(call,), times=None),
        Rule(match="schema", json_={"intent": "refund"}, times=None),
    ]
    async with http_gateway(start_bench, tmp_path, *rules) as (_, url), client(url) as gateway:
        plain = await gateway.chat.completions.create(**ask("plain"))
        assert (plain.choices[0].message.content, plain.choices[0].finish_reason) == ("good day", "stop")
        assert plain.usage is not None and plain.usage.total_tokens > 0
        tool = await gateway.chat.completions.create(**ask("tool", tools=[TOOL]))
        assert tool.choices[0].message.tool_calls is not None
        chunks = [chunk async for chunk in await gateway.chat.completions.create(**ask("plain", stream=True))]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "good day"
        assert chunks[-1].choices[0].finish_reason == "stop"
        with_usage = await gateway.chat.completions.create(
            **ask("plain", stream=True, stream_options={"include_usage": True})
        )
        assert [chunk.usage async for chunk in with_usage][-1] is not None
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
        schema = await gateway.chat.completions.create(**ask("schema", response_format=wanted))
        assert schema.choices[0].message.content == '{"intent": "refund"}'
        assert {model.id async for model in gateway.models.list()} >= {"balanced", "first"}


async def test_personal_values_leave_masked(start_bench: StartBench, tmp_path: Path) -> None:
    async with http_gateway(start_bench, tmp_path, Rule(text="noted", times=None)) as (bench, url), client(url) as one:
        await one.chat.completions.create(**ask("I am anna@example.com, card 4111 1111 1111 1111"))
        [message] = bench.asked_messages()
        assert "anna@example.com" not in str(message) and "4111" not in str(message)
        assert "[EMAIL_" in message["content"] and "[CARD_" in message["content"]


LONG = [{"role": "user", "content": "long " * 5000}]
KING = [{"role": "king", "content": "x"}]


@pytest.mark.parametrize(
    ("key", "fields", "error", "code"),
    [
        ("wrong", {}, openai.AuthenticationError, "invalid_api_key"),
        ("models-only", {}, openai.PermissionDeniedError, None),
        ("all", {"model": "nobody"}, openai.NotFoundError, "model_not_found"),
        ("all", {"n": 2}, openai.BadRequestError, "invalid_value"),
        ("all", {"temperature": 9}, openai.BadRequestError, "invalid_value"),
        ("all", {"messages": KING}, openai.BadRequestError, "invalid_value"),
        ("all", {"messages": LONG}, openai.BadRequestError, "context_length_exceeded"),
    ],
)
async def test_refusals_have_the_shape_that_clients_know(
    start_bench: StartBench, tmp_path: Path, key: str, *, fields: dict[str, Any], error: Any, code: str | None
) -> None:
    async with http_gateway(start_bench, tmp_path) as (bench, url), client(url, key) as gateway:
        with pytest.raises(error) as raised:
            await gateway.chat.completions.create(**{**ask(), **fields})
        assert raised.value.code == code
        assert not bench.model.received


async def test_a_schema_that_would_be_compared_for_ages_is_refused_before_the_model_is_asked(
    start_bench: StartBench, tmp_path: Path
) -> None:
    """There is no clock here: comparing one answer 2^30 times would stop the gateway for minutes."""
    costly = {"type": "json_schema", "json_schema": {"name": "x", "schema": doubled("anyOf", 30)}}
    async with (
        http_gateway(start_bench, tmp_path, Rule(text="1", times=None)) as (bench, url),
        client(url) as gateway,
        client(url) as other,
    ):
        refused, answered = await asyncio.gather(
            gateway.chat.completions.create(**ask(response_format=costly)),
            other.chat.completions.create(**ask()),
            return_exceptions=True,
        )
        assert isinstance(refused, openai.BadRequestError)
        assert "response_format.json_schema.schema" in refused.message
        assert "make it smaller, with fewer alternatives and references" in refused.message
        assert not isinstance(answered, BaseException) and answered.choices[0].message.content == "1"
        assert len(bench.model.received) == 1


async def test_a_spent_budget_is_refused_told_once_and_opened_again_by_an_administrator(
    start_bench: StartBench, tmp_path: Path
) -> None:
    async with (
        http_gateway(start_bench, tmp_path, Rule(text="ok", times=None)) as (bench, url),
        client(url) as gateway,
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as admin,
    ):
        budget = f"{url}/admin/budgets/{TENANT}/entity/u1"
        async with admin.put(budget, json={"caps": {"day": 5}}) as answer:
            assert answer.status == 200, await answer.text()
        for _ in range(3):
            with pytest.raises(openai.RateLimitError) as refused:
                await gateway.chat.completions.create(**ask(), extra_headers={"x-hil-entity": "u1"})
            assert (refused.value.code, refused.value.type) == ("budget_exceeded", "insufficient_quota")
        async with admin.put(budget, json={"caps": {"day": 5_000_000}}) as answer:
            assert answer.status == 200
        answered = await gateway.chat.completions.with_raw_response.create(
            **ask(), extra_headers={"x-hil-entity": "u1"}
        )
        assert int(answered.headers["x-hil-cost-microdollars"]) > 0
        async with admin.get(f"{url}/admin/budgets") as answer:
            [shown] = [one for one in await answer.json() if one["scope_id"] == "u1"]
        assert shown["windows"][0]["spent_microdollars"] > 0
        day = f"costs-{datetime.now(UTC):%Y-%m-%d}"

        async def recorded() -> bool:
            return any(isinstance(entry.message, CostRecorded) for entry in await bench.log(day))

        await wait_until(recorded)
        told = [entry.message for entry in await bench.log(day)]
        assert len([one for one in told if isinstance(one, BudgetExhausted) and one.scope_id == "acme/u1"]) in (1, 2)
        assert any(isinstance(one, BudgetRaised) and one.cap_microdollars == 5_000_000 for one in told)


async def test_a_breaker_that_all_tenants_share_is_no_tenants_to_close(start_bench: StartBench, tmp_path: Path) -> None:
    async with (
        http_gateway(start_bench, tmp_path) as (_, url),
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as admin,
        admin.post(f"{url}/admin/breakers/first/reset") as answer,
    ):
        assert (answer.status, TENANT in await answer.text()) == (403, True)


async def test_a_stream_that_is_cut_ends_with_an_error_and_not_as_if_it_were_whole(
    start_bench: StartBench, tmp_path: Path
) -> None:
    rule = Rule(text="x" * 400, cut_after_bytes=1_200, times=None)
    async with (
        http_gateway(start_bench, tmp_path, rule) as (_, url),
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as http,
        http.post(f"{url}/v1/chat/completions", json=ask(stream=True)) as answer,
    ):
        assert answer.status == 200
        text = (await answer.read()).decode()
    assert '"error"' in text and "[DONE]" not in text


async def test_the_gate_closes_with_redis_and_says_so(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    async with http_gateway(start_bench, tmp_path, redis_url=own_redis_server.url) as (bench, url), client(url) as one:
        own_redis_server.kill()
        with pytest.raises(openai.InternalServerError) as raised:
            await one.chat.completions.create(**ask())
        assert (raised.value.status_code, raised.value.code) == (503, "cost_gate_closed")
        assert not bench.model.received
