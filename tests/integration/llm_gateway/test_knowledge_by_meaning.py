"""Does `knowledge.search` compare by meaning through the gateway, and by words alone where that is away?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.test_embeddings import MODELS, VectorServer, listening
from tests.integration.llm_gateway.test_http import http_gateway
from tests.support.knowledge_questions import QUESTIONS
from tests.support.repository import ROOT
from tests.support.wait_until import wait_until

from llm_gateway.adapters.embedder import WordllamaEmbedder
from tool_runner.adapters.knowledge import GatewayEmbeddings, KnowledgeServer
from tool_runner.domain.arguments import Caller
from tool_runner.domain.outcome import Answered
from tool_runner.domain.tool_request import ToolRequest

QUESTION = "cash reimbursed"
TEXTS = {
    "money.md": "# Refunds\nYou get your money back within a week.",
    "hours.md": "# Hours\nThe shop opens at nine.",
    "care.md": "# Care\nWash wool by hand.",
}


@dataclass(slots=True)
class MeaningServer(VectorServer):
    """A provider whose vectors mean something: static embeddings."""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.received.append(body["input"])
        if self.fails:
            return web.json_response({"error": {"code": "busy"}}, status=503)
        vectors = await WordllamaEmbedder().vectors(body["input"])
        data = [{"object": "embedding", "index": n, "embedding": row.tolist()} for n, row in enumerate(vectors)]
        usage = {"prompt_tokens": 10 * len(data), "total_tokens": 10 * len(data)}
        return web.json_response({"object": "list", "data": data, "model": "v", "usage": usage})


@asynccontextmanager
async def knowledge(
    start: StartBench, place: Path, folder: Path, server: MeaningServer
) -> AsyncIterator[KnowledgeServer]:
    """A followed folder, compared through a gateway."""
    models = place / "vectors.yaml"
    models.write_text(MODELS.replace("context_tokens_max: 1000", "context_tokens_max: 10_000"))
    async with (
        listening(server) as address,
        http_gateway(start, place, provider_url=address, models_file=models) as (_, url),
    ):
        embeddings = GatewayEmbeddings(f"{url}/v1", "all")
        found = KnowledgeServer("knowledge", folder, embeddings=embeddings, poll_seconds=0.05)
        stop = asyncio.Event()
        running = asyncio.create_task(found.run(stop))
        try:
            yield found
        finally:
            stop.set()
            await running


async def asked(server: KnowledgeServer, query: str = QUESTION) -> dict[str, Any]:
    async def starting() -> None:
        """Nothing is written down before a search."""

    request = ToolRequest("search", {"query": query}, time.monotonic() + 10, Caller("acme", "c1"))
    outcome = await server.call(request, starting)
    assert isinstance(outcome, Answered) and isinstance(outcome.result, dict)
    return outcome.result


async def test_meaning_finds_what_words_do_not_and_only_what_is_new_is_paid_again(
    start_bench: StartBench, tmp_path: Path
) -> None:
    folder, provider = tmp_path / "documents", MeaningServer()
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    assert (await asked(KnowledgeServer("knowledge", folder)))["passages"] == []

    async def compares_meaning() -> bool:
        return bool((await asked(server))["ranked_by"] == "words and meaning")

    async with knowledge(start_bench, tmp_path, folder, provider) as server:
        await wait_until(compares_meaning)
        assert (await asked(server))["passages"][0]["document"] == "money.md"
        provider.received.clear()
        version = server.version
        (folder / "new.md").write_text("Zebras.")
        await wait_until(lambda: server.version != version)
        await wait_until(compares_meaning)
        passages = [text for batch in provider.received for text in batch if text != QUESTION]
        assert passages == ["new.md \nZebras."]
        provider.fails = 1
        away = await asked(server, "shop hours")
        assert away["ranked_by"] == "words" and away["passages"][0]["document"] == "hours.md"


async def test_meaning_beside_words_still_finds_the_documents_of_this_repository(
    start_bench: StartBench, tmp_path: Path
) -> None:
    async with knowledge(start_bench, tmp_path, ROOT / "docs", MeaningServer()) as server:

        async def compares_meaning() -> bool:
            return bool((await asked(server, "x"))["ranked_by"] == "words and meaning")

        await wait_until(compares_meaning, timeout_seconds=20)
        found = {question: await asked(server, question) for question in QUESTIONS}
    documents = {question: [one["document"] for one in result["passages"]] for question, result in found.items()}
    first = [question for question, wanted in QUESTIONS.items() if documents[question][0] == wanted]
    among = [question for question, wanted in QUESTIONS.items() if wanted in documents[question]]
    assert (len(first), len(among)) >= (9, 13), documents
