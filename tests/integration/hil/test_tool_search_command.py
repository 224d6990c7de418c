"""Does `hil tool search` find the right tool of a real shop among the others, by words and by meaning?"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from contracts.tool_calls import ToolDescription
from hil.main import app
from hil.outcome import CommandError
from hil.tool_search_command import found_tools, page_of
from llm_gateway.adapters.embedder import WordllamaEmbedder
from tests.support.kit import kit
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    all_servers_up,
    free_port,
    retail_server,
    running_runner,
    settings_for,
    write_servers,
)
from tool_runner.adapters.knowledge.gateway_embeddings import EmbeddingsAway
from tool_runner.adapters.knowledge.search_passages import Vector

WANTED = {
    "cancel an order that is pending": "retail.cancel_pending_order",
    "order details": "retail.get_order_details",
    "change the address of a user": "retail.modify_user_address",
    "hand over to a human agent": "retail.transfer_to_human_agents",
    "find user by email": "retail.find_user_id_by_email",
    "compute a mathematical expression": "retail.calculate",
    "exchange items that were delivered": "retail.exchange_delivered_order_items",
    "payment method of an order": "retail.modify_pending_order_payment",
}


@pytest.fixture
async def shop(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """The runner with the tools of a retail shop, and its address."""
    port = free_port()
    file = write_servers(tmp_path / "servers.yaml", retail_server(tmp_path / "state"))
    settings = settings_for(nats_server.url, redis_server.url, file, http_port=port)
    monkeypatch.setenv("HIL_TOOL_RUNNER_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("HIL_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("HIL_API_KEY", raising=False)
    async with kit(nats_server.url), running_runner(settings):
        await all_servers_up(port)
        yield


async def run(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["tool", "search", *words])


async def test_tools_are_found_by_what_they_do(shop: None) -> None:
    firsts = {}
    for words in WANTED:
        rows = [json.loads(line) for line in (await run("--json", *words.split())).stdout.splitlines()]
        firsts[words] = [row["name"] for row in rows[:3]]
        assert all(row["available"] and row["ranked_by"] == "words" for row in rows)
    assert [words for words, wanted in WANTED.items() if wanted not in firsts[words]] == [], firsts
    shown = await run("cancel", "pending", "order", "--limit", "1")
    assert "retail.cancel_pending_order" in shown.stdout
    assert "compared by words alone: no key; set HIL_API_KEY" in shown.stdout
    assert "no tool fits" in (await run("zebra")).stdout


async def test_wrong_words_and_a_missing_runner_are_told(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    too_long = (await run("x" * 1_001)).exception
    assert isinstance(too_long, CommandError) and "1 to 1000 characters, are 1001" in str(too_long)
    monkeypatch.setenv("HIL_TOOL_RUNNER_URL", f"http://127.0.0.1:{free_port()}")
    away = (await run("order")).exception
    assert isinstance(away, CommandError) and away.code == 3


class StaticEmbeddings:
    """The vectors that come with the gateway, asked for directly."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return list((await WordllamaEmbedder().vectors(texts)).tolist())


class NoEmbeddings:
    """A gateway that is away."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise EmbeddingsAway("status 503")


TOOLS = [
    ToolDescription(name="shop.refund", description="Gives a customer the money back for an order."),
    ToolDescription(name="shop.hours", description="Says when the store opens."),
    ToolDescription(name="crm.note", description="Writes a note about a contact."),
]


async def test_meaning_finds_a_tool_that_no_word_names_and_its_absence_is_told() -> None:
    question = "cash reimbursed"
    by_meaning = await found_tools(TOOLS, question, 3, StaticEmbeddings())
    assert by_meaning.hits[0].passage.document == "shop.refund" and not by_meaning.without_meaning
    for embeddings, reason in ((NoEmbeddings(), "status 503"), ("no key", "no key")):
        found = await found_tools(TOOLS, question, 3, embeddings)
        assert found.hits == [] and found.without_meaning == reason
    assert (await found_tools([], question, 3, StaticEmbeddings())).hits == []


async def test_names_are_whole_beside_long_descriptions() -> None:
    tool = ToolDescription(name="catalogue.gmail_send_draft", description="Sends a draft. " * 100)
    found = await found_tools([tool], "send draft", 3, "no key")
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(page_of(found, set()))
    assert tool.name in console.export_text()
