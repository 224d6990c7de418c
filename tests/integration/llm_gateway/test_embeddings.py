"""Do texts come to their vectors: in order, masked, paid for, several callers in one call?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.test_http import client, http_gateway

MODELS = """
providers: {default: {base_url: ""}}
models:
  chat: {price: {input: 1_000_000, output: 1_000_000}, context_tokens_max: 4000, output_tokens_max: 100}
  vectors: {kind: embedding, price: {input: 1_000_000, output: 0}, context_tokens_max: 1000, output_tokens_max: 1}
profiles: {embeddings: [vectors]}
"""


@dataclass(slots=True)
class VectorServer:
    """Answers each text with its length as a vector; `fails` is how many calls are refused before that."""

    fails: int = 0
    short: bool = False
    received: list[Any] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.received.append(body["input"])
        if self.fails:
            self.fails -= 1
            return web.json_response({"error": {"code": "busy"}}, status=503)
        data = [{"object": "embedding", "index": n, "embedding": [len(text)]} for n, text in enumerate(body["input"])]
        usage = {"prompt_tokens": 10 * len(body["input"]), "total_tokens": 10 * len(body["input"])}
        listed = data[:-1] if self.short else list(reversed(data))
        return web.json_response({"object": "list", "data": listed, "model": "v", "usage": usage})


@asynccontextmanager
async def listening(server: VectorServer) -> AsyncIterator[str]:
    """The server's base URL, while it listens."""
    app = web.Application()
    app.router.add_post("/v1/embeddings", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def embedding_client(start: StartBench, folder: Path, server: VectorServer) -> AsyncIterator[AsyncOpenAI]:
    models = folder / "vectors.yaml"
    models.write_text(MODELS)
    async with (
        listening(server) as address,
        http_gateway(start, folder, provider_url=address, models_file=models) as (_, url),
        client(url) as gateway,
    ):
        yield gateway


async def test_vectors_come_in_the_order_of_their_texts_and_cost_their_tokens(
    start_bench: StartBench, tmp_path: Path
) -> None:
    server = VectorServer()
    async with embedding_client(start_bench, tmp_path, server) as gateway:
        raw = await gateway.embeddings.with_raw_response.create(
            model="embeddings", input=["a", "bbb", "cc"], encoding_format="float"
        )
        answer = raw.parse()
    assert [one.embedding for one in answer.data] == [[1], [3], [2]]
    assert (answer.model, answer.usage.total_tokens) == ("vectors", 30)
    assert raw.headers["x-hil-cost-microdollars"] == "30"


async def test_callers_at_once_share_a_call_and_each_gets_its_own(start_bench: StartBench, tmp_path: Path) -> None:
    server = VectorServer()
    async with embedding_client(start_bench, tmp_path, server) as gateway:
        asking = (
            gateway.embeddings.create(model="embeddings", input="x" * n, encoding_format="float") for n in range(1, 9)
        )
        answers = await asyncio.gather(*asking)
    assert [answer.data[0].embedding for answer in answers] == [[n] for n in range(1, 9)]
    assert len(server.received) < 8


async def test_texts_leave_masked(start_bench: StartBench, tmp_path: Path) -> None:
    server = VectorServer()
    async with embedding_client(start_bench, tmp_path, server) as gateway:
        await gateway.embeddings.create(model="embeddings", input="mail anna@example.com", encoding_format="float")
    assert "anna@example.com" not in str(server.received) and "[EMAIL_" in str(server.received)


async def test_a_busy_provider_is_asked_again_and_missing_vectors_are_a_failure(
    start_bench: StartBench, tmp_path: Path
) -> None:
    server = VectorServer(fails=1)
    async with embedding_client(start_bench, tmp_path, server) as gateway:
        await gateway.embeddings.create(model="embeddings", input="a", encoding_format="float")
        assert len(server.received) == 2
        server.short = True
        with pytest.raises(openai.InternalServerError) as failed:
            await gateway.embeddings.create(model="embeddings", input=["a", "b"], encoding_format="float")
    assert (failed.value.status_code, failed.value.code) == (502, "provider_error")


@pytest.mark.parametrize(
    ("fields", "error", "code"),
    [
        ({"input": "long " * 3_000}, openai.BadRequestError, "context_length_exceeded"),
        ({"model": "chat", "input": "a"}, openai.BadRequestError, "no_candidate"),
        ({"model": "nobody", "input": "a"}, openai.NotFoundError, "model_not_found"),
        ({"input": []}, openai.BadRequestError, "invalid_value"),
        ({"input": [[1, 2]]}, openai.BadRequestError, "invalid_value"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(
    start_bench: StartBench, tmp_path: Path, fields: dict[str, Any], *, error: Any, code: str
) -> None:
    server = VectorServer()
    async with embedding_client(start_bench, tmp_path, server) as gateway:
        with pytest.raises(error) as refused:
            await gateway.embeddings.create(**{"model": "embeddings", "encoding_format": "float", **fields})
    assert refused.value.code == code
    assert not server.received
