"""Does the semantic cache compare with a provider's embeddings, paid for and recorded, and do without where there are
none?"""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp import web
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.test_http import TENANT, ask, client, http_gateway
from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from contracts.costs import CostRecorded, RequestRecord
from llm_gateway.adapters.embedder import VectorMissing
from llm_gateway.adapters.models_file import ModelsFileError
from llm_gateway.app import serve
from llm_gateway.handlers.provider_embedder import DIMENSIONS_MAX, unit_vector
from llm_gateway.settings import Settings

MODELS = """
providers: {default: {base_url: ""}}
models:
  chat: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 4000, output_tokens_max: 100}
  vectors: {kind: embedding, price: {input: 1_000_000, output: 0}, context_tokens_max: 1000, output_tokens_max: 1}
profiles: {balanced: [chat], embeddings: [vectors]}
"""
PAYER = f"payer-{secrets.token_hex(4)}"


@dataclass(slots=True)
class Upstream:
    """Numbers its chat answers. Its vectors say whether a text is about a password."""

    vectors_status: int = 200
    embedded: list[Any] = field(default_factory=list)
    answers: int = 0

    async def chat(self, request: web.Request) -> web.Response:
        self.answers += 1
        message = {"role": "assistant", "content": f"answer {self.answers}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        return web.json_response({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage})

    async def embeddings(self, request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        self.embedded += texts
        if self.vectors_status != 200:
            return web.json_response({"error": {"code": "no"}}, status=self.vectors_status)
        data = [
            {"object": "embedding", "index": place, "embedding": [3.0, 0.0] if "password" in text else [0.0, 3.0]}
            for place, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 10, "total_tokens": 10}
        return web.json_response({"object": "list", "data": data, "model": "v", "usage": usage})


@asynccontextmanager
async def gateway_with(
    upstream: Upstream, start: StartBench, folder: Path, redis: RedisServer
) -> AsyncIterator[tuple[Any, openai.AsyncOpenAI, str]]:
    app = web.Application()
    app.router.add_post("/v1/embeddings", upstream.embeddings)
    app.router.add_post("/v1/chat/completions", upstream.chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    models = folder / "vectors.yaml"
    models.write_text(MODELS)
    settings = {
        "provider_url": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
        "models_file": models,
        "redis_url": redis.url,
        "cache_embeddings": "embeddings",
        "cache_verify_share": 0,
    }
    try:
        async with http_gateway(start, folder, **settings) as (bench, url), client(url) as gateway:
            yield bench, gateway, url
    finally:
        await runner.cleanup()


async def said(gateway: openai.AsyncOpenAI, text: str, payer: str = "u1") -> tuple[str | None, str | None]:
    headers = {"x-hil-cache": "semantic; ttl=600", "x-hil-entity": payer}
    raw = await gateway.chat.completions.with_raw_response.create(**ask(text), extra_headers=headers)
    return raw.parse().choices[0].message.content, raw.headers.get("x-hil-cache")


async def test_a_question_is_compared_with_the_providers_vectors_and_its_caller_pays_for_them(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    upstream = Upstream()
    async with gateway_with(upstream, start_bench, tmp_path, own_redis_server) as (bench, gateway, url):
        assert await said(gateway, "How is a password set anew?", PAYER) == ("answer 1", "none")
        assert await said(gateway, "Choosing another password", PAYER) == ("answer 1", "semantic")
        assert await said(gateway, "Which hours does the shop have?", PAYER) == ("answer 2", "none")
        assert len(upstream.embedded) == 3  # Looked up and kept, but asked for once.
        async with (
            aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as admin,
            admin.get(f"{url}/admin/cache/{TENANT}") as answer,
        ):
            assert [one["hits"] for one in await answer.json()] == [1]

        async def recorded() -> list[RequestRecord]:
            entries = [entry.message for entry in await bench.log(f"costs-{datetime.now(UTC):%Y-%m-%d}")]
            found = [one for fact in entries if isinstance(fact, CostRecorded) for one in fact.requests]
            return [one for one in found if one.entity == PAYER and one.operation == "embeddings"]

        async def all_three() -> bool:
            return len(await recorded()) == 3

        await wait_until(all_three)
        assert {(one.model, one.cost_microdollars) for one in await recorded()} == {("vectors", 10)}


async def test_where_there_are_no_vectors_the_model_answers(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    upstream = Upstream(vectors_status=400)
    async with gateway_with(upstream, start_bench, tmp_path, own_redis_server) as (_, gateway, _url):
        assert await said(gateway, "How is a password set anew?") == ("answer 1", "none")
        assert await said(gateway, "Choosing another password") == ("answer 2", "none")
        assert await said(gateway, "Choosing another password") == ("answer 2", "exact")


async def test_the_embeddings_are_measured_through_the_gateway_before_they_are_used(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    figures, key = tmp_path / "figures.json", {"OPENAI_API_KEY": "all"}
    async with gateway_with(Upstream(), start_bench, tmp_path, own_redis_server) as (_, _gateway, url):
        options = ["--model", f"{url}/v1#embeddings", "--json", str(figures)]
        command = [sys.executable, "-m", "hil", "bench", "cache", *options]
        ran = await asyncio.create_subprocess_exec(*command, env=os.environ | key, stdout=asyncio.subprocess.DEVNULL)
        assert await asyncio.wait_for(ran.wait(), 60) == 0
    pairs = [row for row in json.loads(figures.read_text())["pairs"] if row["embedder"] == "embeddings"]
    assert all(row["mixed_up_without_guards"] == row["pairs"] for row in pairs)


async def test_a_name_that_is_no_embedding_model_stops_the_start(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(MODELS)
    settings = Settings(models_file=models, cache_embeddings="balanced")
    with pytest.raises(ModelsFileError, match=r"'balanced' is no embedding model .* it has: vectors"):
        await serve(settings, stop=asyncio.Event(), ready=asyncio.Event())


@pytest.mark.parametrize(
    "given",
    [None, "AAAA", [], [0.0, 0.0], [1.0, "x"], [10**400], [float("inf")], [1.0] * (DIMENSIONS_MAX + 1)],
    ids=str,
)
def test_what_is_no_vector_is_not_taken_for_one(given: Any) -> None:
    with pytest.raises(VectorMissing):
        unit_vector(given)
