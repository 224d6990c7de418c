"""`hil tool search …`: which tools do what these words say?"""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from contracts.tool_calls import ToolDescription
from hil.connect import address_of
from hil.embedded.errors import NotRunning
from hil.embedded.services import api_key_file
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input
from hil.tool_lists import tools_now
from tool_runner.adapters.knowledge import GatewayEmbeddings
from tool_runner.adapters.knowledge.gateway_embeddings import EmbeddingsAway
from tool_runner.adapters.knowledge.search_passages import (
    PASSAGES_WITH_VECTORS_MAX,
    Hit,
    PassageIndex,
    Vector,
    key_of,
    with_vectors,
)
from tool_runner.domain.passages import PASSAGE_CHARACTERS_MAX, Passage
from tool_runner.domain.rank_words import word_index

QUESTION_CHARACTERS_MAX = 1_000
NAME_COLUMNS_MAX, LINE_CHARACTERS_MAX = 48, 200
KEY_VARIABLE = "HIL_API_KEY"


class Embeddings(Protocol):
    """Whatever turns texts into vectors. Raises EmbeddingsAway."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """The tools, best first; `without_meaning` says why words alone were compared, empty where they were not."""

    hits: list[Hit]
    without_meaning: str


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What the tool should do.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many tools at most.")] = 10,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Find tools by what they do: by words, and by meaning where the gateway answers (key: HIL_API_KEY, or that of
    `hil up`)."""
    question = " ".join(words).strip()
    if not 1 <= len(question) <= QUESTION_CHARACTERS_MAX:
        raise bad_input(f"WORDS: must be 1 to {QUESTION_CHARACTERS_MAX} characters, are {len(question)}")
    tools = tools_now(data_dir)
    found = asyncio.run(found_tools(tools.tools, question, limit, embeddings_of(data_dir)))
    away = {server.name for server in tools.servers if not server.available}
    if as_json:
        ranked_by = "words" if found.without_meaning else "words and meaning"
        for hit in found.hits:
            name = hit.passage.document
            available = name.partition(".")[0] not in away
            row = {"name": name, "score": round(hit.score, 4), "available": available, "ranked_by": ranked_by}
            print(json.dumps({**row, "description": hit.passage.text}, ensure_ascii=False))
        return
    Console().print(page_of(found, away))


async def found_tools(
    tools: Sequence[ToolDescription], question: str, count: int, embeddings: Embeddings | str
) -> Found:
    """`embeddings`, or why there are none."""
    passages = [Passage(tool.name, "", tool.description[:PASSAGE_CHARACTERS_MAX]) for tool in tools]
    index = PassageIndex("", passages, word_index(one.searched for one in passages))
    if isinstance(embeddings, str):
        return Found(index.search(question, count), embeddings)
    if not 1 <= len(passages) <= PASSAGES_WITH_VECTORS_MAX:
        return Found(index.search(question, count), f"{len(passages)} tools; at most {PASSAGES_WITH_VECTORS_MAX}")
    try:
        vector, *vectors = await embeddings.embed([question, *(one.searched for one in passages)])
    except EmbeddingsAway as error:
        return Found(index.search(question, count), str(error))
    compared = with_vectors(index, dict(zip(map(key_of, passages), vectors, strict=True)))
    return Found(compared.search_with(question, vector, count), "")


def embeddings_of(data_dir: Path) -> GatewayEmbeddings | str:
    """The gateway of the running system, or what is missing."""
    file = api_key_file(data_dir.absolute() / "stores")
    key = os.environ.get(KEY_VARIABLE) or (file.read_text("utf-8").strip() if file is not None else "")
    if not key:
        return f"no key; set {KEY_VARIABLE}"
    try:
        return GatewayEmbeddings(f"{address_of('llm_gateway', data_dir).rstrip('/')}/v1", key)
    except (NotRunning, CommandError):
        return "no gateway; set HIL_LLM_GATEWAY_URL"


def page_of(found: Found, away: set[str]) -> Group:
    """For people; a name that is cut short cannot be typed."""
    table = Table(box=None, pad_edge=False)
    longest = max((len(hit.passage.document) for hit in found.hits), default=0)
    table.add_column("tool", overflow="fold", min_width=min(longest, NAME_COLUMNS_MAX))
    table.add_column("what it does")
    for hit in found.hits:
        is_away = hit.passage.document.partition(".")[0] in away
        first_line = hit.passage.text.strip().partition("\n")[0][:LINE_CHARACTERS_MAX]
        table.add_row(hit.passage.document, Text("its server is away", "yellow") if is_away else Text(first_line))
    lines: list[Table | Text] = [table] if found.hits else [Text("no tool fits; hil tool list shows all")]
    if found.without_meaning:
        lines.append(Text(f"compared by words alone: {found.without_meaning}", "dim"))
    return Group(*lines)
