"""How is `knowledge.search` called, and how do changed documents get into it?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import JsonValue

from tool_runner.adapters.knowledge.gateway_embeddings import EmbeddingsAway
from tool_runner.adapters.knowledge.read_folder import (
    FolderLimits,
    KnowledgeUnusable,
    Stamp,
    documents_of,
    stamps_of,
)
from tool_runner.adapters.knowledge.search_passages import (
    BY_WORDS,
    BY_WORDS_AND_MEANING,
    PASSAGES_WITH_VECTORS_MAX,
    Hit,
    PassageIndex,
    Vector,
    index_of,
    key_of,
    with_vectors,
)
from tool_runner.domain.manifest import Json, ListedTool
from tool_runner.domain.outcome import Answered, ErrorClass, NotSent, TryOutcome
from tool_runner.domain.tool_request import ToolRequest

log = structlog.get_logger()

SEARCH = "search"
POLL_SECONDS = 5.0
COUNT = 5
COUNT_MAX = 20
QUESTION_CHARACTERS_MAX = 1_000
_TEXT: Json = {"type": "string"}
_INPUT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "query": {
            "type": "string",
            "minLength": 1,
            "maxLength": QUESTION_CHARACTERS_MAX,
            "description": "What is looked for: words that the answer may hold.",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": COUNT_MAX, "default": COUNT},
    },
    "required": ["query"],
    "additionalProperties": False,
}
_PASSAGE: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"document": {**_TEXT}, "heading": {**_TEXT}, "text": {**_TEXT}, "score": {"type": "number"}},
    "required": ["document", "heading", "text", "score"],
}
_OUTPUT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "description": "Of the documents: the same for the same names and contents."},
        "ranked_by": {"enum": [BY_WORDS, BY_WORDS_AND_MEANING]},
        "passages": {"type": "array", "maxItems": COUNT_MAX, "items": _PASSAGE},
    },
    "required": ["version", "ranked_by", "passages"],
}


Offer = Callable[[str, list[ListedTool]], Awaitable[None]]


class Embeddings(Protocol):
    """Whatever turns texts into vectors. Raises EmbeddingsAway."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]: ...


class KnowledgeServer:
    """The documents of one folder. They are read before the first call; a state of the folder that cannot be used
    later is told in the log, and the last good one goes on answering, under its own version."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        embeddings: Embeddings | None = None,
        offer: Offer | None = None,
        limits: FolderLimits | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Reads the folder; `offer` is told of the tool again when its documents change. Raises KnowledgeUnusable."""
        self.name, self._offer = name, offer
        self._folder, self._limits, self._poll_seconds = folder, limits or FolderLimits(), poll_seconds
        self._embeddings, self._vectors = embeddings, dict[bytes, Vector]()
        self._told = ""
        self._seen = stamps_of(folder, self._limits)
        self._index = self._read(self._seen)

    @property
    def available(self) -> bool:
        """Always: the documents are in memory."""
        return True

    @property
    def version(self) -> str:
        """Of the documents that calls are answered from: the knowledge version of cached answers (SPEC G5)."""
        return self._index.version

    def listed(self) -> list[ListedTool]:
        """The one tool. With other documents it is another one, so that no kept result is of older ones."""
        description = (
            "Searches the documents of this shop or company. Returns passages with document, heading, text and score, "
            "best first; none if nothing fits. Answer from the passages and name the document."
        )
        return [ListedTool(SEARCH, description, _INPUT, _OUTPUT, revision=self.version)]

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; see McpServer.call."""
        await starting()
        left = request.until - time.monotonic()
        if left <= 0:
            return NotSent(ErrorClass.TIMEOUT, "the deadline was over before the search")
        question, count = str(request.arguments["query"]), request.arguments.get("limit", COUNT)
        assert isinstance(count, int)
        index = self._index
        vector = await self._vector_of(question, left) if index.vectors else None
        if vector is None or len(vector) != len(index.vectors[0]):
            hits = await asyncio.to_thread(index.search, question, count)
            return Answered(_result(index, BY_WORDS, hits), is_error=False)
        hits = await asyncio.to_thread(index.search_with, question, vector, count)
        return Answered(_result(index, BY_WORDS_AND_MEANING, hits), is_error=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the folder until `stop` is set."""
        while not stop.is_set():
            await self._embed_passages()
            try:
                await asyncio.wait_for(stop.wait(), self._poll_seconds)
            except TimeoutError:
                await self._look_again()

    async def _look_again(self) -> None:
        try:
            seen = await asyncio.to_thread(stamps_of, self._folder, self._limits)
            if seen != self._seen:
                self._index = await asyncio.to_thread(self._read, seen)
                self._seen, self._told = seen, ""
                log.info("knowledge.changed", server=self.name, version=self.version, documents=len(seen))
                if self._offer is not None:
                    await self._offer(self.name, self.listed())
        except KnowledgeUnusable as error:
            self._tell("knowledge.unusable", str(error))

    async def _embed_passages(self) -> None:
        """Vectors of what has none yet; without them words alone are compared, and results say so."""
        index = self._index
        if self._embeddings is None or index.vectors:
            return
        if len(index.passages) > PASSAGES_WITH_VECTORS_MAX:
            self._tell("knowledge.too_large_for_vectors", f"{len(index.passages)} passages")
            return
        lacking = [one for one in index.passages if key_of(one) not in self._vectors]
        try:
            vectors = await self._embeddings.embed([one.searched for one in lacking]) if lacking else []
        except EmbeddingsAway as error:
            self._tell("knowledge.without_vectors", str(error))
            return
        found = self._vectors | {key_of(one): vector for one, vector in zip(lacking, vectors, strict=True)}
        self._vectors = {key: found[key] for key in map(key_of, index.passages)}
        if len({len(vector) for vector in self._vectors.values()}) > 1:
            self._vectors.clear()  # The model behind the gateway's name has changed; all are asked for again.
        elif index is self._index:
            self._index = await asyncio.to_thread(with_vectors, index, self._vectors)

    async def _vector_of(self, question: str, seconds: float) -> Vector | None:
        assert self._embeddings is not None
        try:
            async with asyncio.timeout(seconds / 2):
                [vector] = await self._embeddings.embed([question])
                return vector
        except (EmbeddingsAway, TimeoutError) as error:
            self._tell("knowledge.question_without_vector", type(error).__name__)
            return None

    def _tell(self, event: str, reason: str) -> None:
        """Once, not with every look at the folder."""
        if self._told != event + reason:
            self._told = event + reason
            log.warning(event, server=self.name, version=self.version, reason=reason)

    def _read(self, stamps: tuple[Stamp, ...]) -> PassageIndex:
        return index_of(documents_of(self._folder, stamps, self._limits))


def _result(index: PassageIndex, ranked_by: str, hits: list[Hit]) -> JsonValue:
    passages: list[JsonValue] = [
        {
            "document": hit.passage.document,
            "heading": hit.passage.heading,
            "text": hit.passage.text,
            "score": round(hit.score, 4),
        }
        for hit in hits
    ]
    return {"version": index.version, "ranked_by": ranked_by, "passages": passages}
