"""Does `knowledge.search` find what a folder says, follow its changes, and refuse what is no document?"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import JsonValue

from contracts.tool_calls import ToolCallCompleted
from tests.integration.llm_gateway.test_embeddings import VectorServer, listening
from tests.support.knowledge_questions import QUESTIONS
from tests.support.repository import ROOT
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import all_servers_up, calling, running_runner, settings_for, write_servers
from tests.support.wait_until import wait_until
from tool_runner.adapters.knowledge import FolderLimits, KnowledgeServer, KnowledgeUnusable
from tool_runner.adapters.manifest_file import ManifestError
from tool_runner.app import serve
from tool_runner.domain.arguments import Caller
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.outcome import Answered, ErrorClass, NotSent
from tool_runner.domain.tool_request import ToolRequest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "documents"
    (place / "help").mkdir(parents=True)
    (place / "help" / "returns.md").write_text(
        "# Returns\nShoes go back within 30 days.\n# Gifts\nA card has no end.\n"
    )
    (place / "hours.txt").write_text("The shop opens at nine.")
    return place


async def starting() -> None:
    """Nothing has to be written down before a search."""


async def asked(
    server: KnowledgeServer, query: str, limit: int | None = None, seconds: float = 5.0
) -> dict[str, JsonValue]:
    arguments: dict[str, JsonValue] = {"query": query, **({} if limit is None else {"limit": limit})}
    request = ToolRequest("search", arguments, time.monotonic() + seconds, Caller("acme", "c1"))
    outcome = await server.call(request, starting)
    assert isinstance(outcome, Answered) and not outcome.is_error and isinstance(outcome.result, dict)
    [tool] = server.listed()
    assert tool.output_schema is not None
    jsonschema_rs.validator_for(dict(tool.output_schema)).validate(outcome.result)
    return outcome.result


def documents(result: dict[str, JsonValue]) -> list[str]:
    assert isinstance(result["passages"], list)
    return [str(passage["document"]) for passage in result["passages"] if isinstance(passage, dict)]


@asynccontextmanager
async def followed(server: KnowledgeServer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_questions_find_their_document_of_this_repository() -> None:
    server = KnowledgeServer("knowledge", ROOT / "docs")
    found = {question: documents(await asked(server, question)) for question in QUESTIONS}
    first = [question for question, wanted in QUESTIONS.items() if found[question][0] == wanted]
    among = [question for question, wanted in QUESTIONS.items() if wanted in found[question]]
    assert (len(first), len(among)) >= (11, 14), found


async def test_a_passage_names_document_heading_text_and_score(folder: Path) -> None:
    result = await asked(KnowledgeServer("knowledge", folder), "shoe return", limit=1)
    [passage] = result["passages"]  # type: ignore[misc]
    assert isinstance(passage, dict) and isinstance(passage["score"], float) and passage.pop("score")  # type: ignore[operator]
    assert passage == {
        "document": "help/returns.md",
        "heading": "Returns",
        "text": "Shoes go back within 30 days.",
    }
    assert result["ranked_by"] == "words"
    assert documents(await asked(KnowledgeServer("knowledge", folder), "zebra")) == []


async def test_a_question_after_its_deadline_is_not_searched(folder: Path) -> None:
    request = ToolRequest("search", {"query": "x"}, time.monotonic() - 1, Caller("acme", "c1"))
    outcome = await KnowledgeServer("knowledge", folder).call(request, starting)
    assert isinstance(outcome, NotSent) and outcome.error_class is ErrorClass.TIMEOUT


async def test_the_version_is_that_of_names_and_contents(folder: Path, tmp_path: Path) -> None:
    version = KnowledgeServer("knowledge", folder).version
    assert (await asked(KnowledgeServer("knowledge", folder), "shop"))["version"] == version
    copy = tmp_path / "copy"
    (copy / "help").mkdir(parents=True)
    for name in ("hours.txt", "help/returns.md"):
        (copy / name).write_bytes((folder / name).read_bytes())
    assert KnowledgeServer("other", copy).version == version
    (copy / "hours.txt").rename(copy / "open.txt")
    assert KnowledgeServer("other", copy).version != version


async def test_changes_are_followed_and_what_cannot_be_used_leaves_the_last_good_state(folder: Path) -> None:
    offered: list[tuple[str, str]] = []

    async def offer(name: str, tools: list[ListedTool]) -> None:
        offered.extend((f"{name}.{tool.name}", tool.version) for tool in tools)

    server = KnowledgeServer("knowledge", folder, offer=offer, poll_seconds=0.02)
    [first] = server.listed()
    versions = [server.version]
    async with followed(server):
        (folder / "new.md").write_text("Zebras are striped.")
        await wait_until(lambda: server.version != versions[-1])
        assert documents(await asked(server, "zebra")) == ["new.md"]
        versions.append(server.version)
        (folder / "bad.md").write_bytes(b"\xff\xfe")
        (folder / "new.md").write_text("Zebras are black and white.")
        assert documents(await asked(server, "zebra")) == ["new.md"]
        (folder / "bad.md").unlink()
        await wait_until(lambda: server.version != versions[-1])
        assert "black" in str(await asked(server, "zebra"))
        (folder / "new.md").unlink()
        await wait_until(lambda: server.version == versions[0])
        await wait_until(lambda: len(offered) == 3)
        assert {name for name, _ in offered} == {"knowledge.search"}
        assert offered[-1][1] == first.version and len({version for _, version in offered}) == 3
        assert documents(await asked(server, "zebra")) == []


async def test_files_that_are_mounted_as_links_within_the_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    (folder / "..2026").mkdir(parents=True)
    (folder / "..2026" / "a.md").write_text("Zebras are striped.")
    (folder / "..data").symlink_to("..2026")
    (folder / "a.md").symlink_to("..data/a.md")
    assert documents(await asked(KnowledgeServer("knowledge", folder), "zebra")) == ["a.md"]


def secret(folder: Path) -> Path:
    place = folder.parent / "secret.md"
    place.write_text("the secret")
    return place


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link out": (lambda folder: (folder / "x.md").symlink_to(secret(folder)), r"x\.md: a link out of the folder"),
    "a link up": (lambda folder: (folder / "x.md").symlink_to("../documents2.md"), r"x\.md: a link that leads nowhere"),
    "a link to itself": (lambda folder: (folder / "x.md").symlink_to("x.md"), r"x\.md: a link that leads nowhere"),
    "a binary": (lambda folder: (folder / "x.md").write_bytes(b"ok\xff"), r"x\.md: byte 2 is not UTF-8"),
    "zero bytes": (lambda folder: (folder / "x.txt").write_bytes(b"o\0k"), r"x\.txt: has zero bytes"),
    "a large one": (
        lambda folder: (folder / "x.md").write_text("x" * 1_001),
        r"over the limit of 1000 bytes a document",
    ),
    "many": (lambda folder: [(folder / f"{n}.md").write_text("x") for n in range(9)], "over the limit of 10 documents"),
    "much": (lambda folder: [(folder / f"{n}.md").write_text("x" * 990) for n in range(5)], "over the limit of 4000"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x.md"), r"x\.md: not a file"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_document_stops_the_start(folder: Path, wrong: str) -> None:
    make, reason = WRONG[wrong]
    make(folder)
    with pytest.raises(KnowledgeUnusable, match=reason):
        KnowledgeServer("knowledge", folder, limits=FolderLimits(10, 1_000, 4_000))


def test_a_folder_that_is_missing_or_says_nothing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeUnusable, match="missing: No such file or directory; name a folder"):
        KnowledgeServer("knowledge", tmp_path / "missing")
    with pytest.raises(KnowledgeUnusable, match=r"no document in it; put files ending in \.md"):
        KnowledgeServer("knowledge", tmp_path)
    (tmp_path / "a.md").write_text("\n\n")
    with pytest.raises(KnowledgeUnusable, match="documents are empty"):
        KnowledgeServer("knowledge", tmp_path)


def test_hidden_folders_and_links_to_folders_are_left_out(folder: Path) -> None:
    version = KnowledgeServer("knowledge", folder).version
    (folder / ".git").mkdir()
    (folder / ".git" / "x.md").write_text("hidden")
    (folder / "up").symlink_to("..")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    assert KnowledgeServer("knowledge", folder).version == version


def manifest(folder: Path, **fields: object) -> dict[str, object]:
    defaults = {"cost_usd": 0, "side_effect": "read"}
    return {"name": "knowledge", "builtin": "knowledge", "folder": folder.name, "defaults": defaults, **fields}


async def test_a_manifest_makes_documents_a_tool_that_compares_by_meaning(
    nats_server: NatsServer, redis_server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWLEDGE_KEY", "k1")
    async with listening(VectorServer()) as gateway:
        entry = manifest(folder, embeddings_url=gateway, embeddings_key_from_env="KNOWLEDGE_KEY")
        settings = settings_for(nats_server.url, redis_server.url, write_servers(folder.parent / "tools.yaml", entry))
        async with calling(nats_server.url) as caller, running_runner(settings):
            caller.tools_allowed = ("knowledge.*",)
            await all_servers_up(settings.http_port)
            ways = list[JsonValue]()

            async def compares_meaning() -> bool:
                fact = await caller.call("knowledge.search", {"query": "shoes"}, key=f"k{len(ways)}")
                assert isinstance(fact, ToolCallCompleted) and isinstance(fact.result, dict)
                assert documents(fact.result)[0] == "help/returns.md"
                ways.append(fact.result["ranked_by"])
                return ways[-1] == "words and meaning"

            await wait_until(compares_meaning)


async def test_a_folder_that_cannot_be_used_stops_the_start_of_the_runner(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    file = write_servers(tmp_path / "tools.yaml", manifest(tmp_path / "missing"))
    settings = settings_for(nats_server.url, redis_server.url, file)
    with pytest.raises(ManifestError, match=r"servers\.knowledge\.folder: .*missing: No such file or directory"):
        await serve(settings, stop=asyncio.Event(), ready=asyncio.Event())
