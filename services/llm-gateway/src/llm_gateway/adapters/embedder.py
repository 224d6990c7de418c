"""How alike are two texts?"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llm_gateway.domain.call import Call

Vectors = NDArray[np.float32]
"""A row each."""
Vector = NDArray[np.float32]


class VectorMissing(Exception):
    """There is no vector for a text, and why."""


class Embedder(Protocol):
    """The unit vector of a text: the product of two is how alike they are, up to 1. Vectors of one name are never
    compared with those of another."""

    @property
    def name(self) -> str: ...

    async def embed(self, text: str, payer: Call) -> Vector:
        """`payer` pays where it costs. Raises VectorMissing."""


class WordllamaEmbedder:
    """Static embeddings of 256 numbers. The weights are in the wheel (18 MB), so that nothing is loaded from anywhere
    at run time; a question of 60 characters takes 68 µs, which is less than a thread would cost."""

    name = "wordllama-256"

    async def embed(self, text: str, payer: Call) -> Vector:
        """It costs nobody anything."""
        vector: Vector = (await self.vectors([text]))[0]
        return vector

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """Of many at once."""
        if _model.cache_info().currsize == 0:
            await asyncio.to_thread(_model)  # 0.6 s, once.
        plain = [text.lower().rstrip(" ?!.") for text in texts]  # 81 instead of 77 % of small changes are seen through.
        with np.errstate(invalid="ignore"):
            vectors: Vectors = np.nan_to_num(_model().embed(plain, norm=True).astype(np.float32))
        return vectors  # A text without words is zero: like nothing, not even itself.


@lru_cache(maxsize=1)
def _model():  # type: ignore[no-untyped-def]
    import wordllama  # noqa: PLC0415 - 0.3 s that a gateway without a semantic tier should not wait for

    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
