"""How does the gateway put texts into vectors?"""

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import httpx2
import orjson

BATCH_TEXTS, BATCH_CHARACTERS = 64, 8_000
"""Of one request: all of its texts together must fit the window of the model, some 8,000 tokens."""
ANSWER_BYTES_MAX = 16_000_000


class EmbeddingsAway(Exception):
    """No vectors now; the text says why and holds nothing of what was asked."""


@dataclass(frozen=True, slots=True)
class GatewayEmbeddings:
    """`/v1/embeddings` of the gateway, paid and limited by its key. `model` is one of its models or profiles."""

    base_url: str
    key: str = field(repr=False)
    model: str = "embeddings"
    timeout_seconds: float = 10.0

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector each, in order. Raises EmbeddingsAway."""
        found = list[Sequence[float]]()
        address = f"{self.base_url.rstrip('/')}/embeddings"
        headers = {"authorization": f"Bearer {self.key}"}
        try:
            async with httpx2.AsyncClient(timeout=self.timeout_seconds, headers=headers, trust_env=False) as http:
                for batch in _batches(texts):
                    async with asyncio.timeout(self.timeout_seconds):
                        answer = await http.post(address, json={"model": self.model, "input": batch})
                    found += _vectors(answer, len(batch))
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise EmbeddingsAway(f"{type(error).__name__} at {address}") from error
        if len({len(vector) for vector in found}) > 1:
            raise EmbeddingsAway(f"vectors of different lengths from {address}")
        return found


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch, characters = list[str](), 0
    for text in texts:
        if batch and (len(batch) >= BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def _vectors(answer: httpx2.Response, count: int) -> list[Sequence[float]]:
    if answer.status_code != httpx2.codes.OK or len(answer.content) > ANSWER_BYTES_MAX:
        raise EmbeddingsAway(f"status {answer.status_code}, {len(answer.content)} bytes")
    try:
        rows = sorted(orjson.loads(answer.content)["data"], key=lambda row: int(row["index"]))
        vectors: list[Sequence[float]] = [array("f", row["embedding"]) for row in rows]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise EmbeddingsAway("the answer is no list of embeddings") from error
    if len(vectors) != count or not all(vectors):
        raise EmbeddingsAway(f"{len(vectors)} vectors for {count} texts")
    return vectors
