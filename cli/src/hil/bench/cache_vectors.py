"""Where do the vectors come from that the semantic cache is measured with?"""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from openai import OpenAI

from hil.outcome import CommandError
from llm_gateway.adapters.embedder import Vectors, WordllamaEmbedder
from llm_gateway.handlers.provider_embedder import unit_vector

VectorsOf = Callable[[Sequence[str]], Vectors]
SHIPPED = WordllamaEmbedder.name
MINILM = "all-MiniLM-L6-v2"
_SECONDS_MAX = 300
_VECTORS_OF_MINILM = Path(__file__).with_name("minilm_vectors.py")
_BATCH = 20
"""Of about 12 tokens each: together they fit into a small window."""


def shipped_vectors(texts: Sequence[str]) -> Vectors:
    """Those that the gateway comes with."""
    return asyncio.run(WordllamaEmbedder().vectors(texts))


def minilm_of(python: Path) -> VectorsOf:
    """A stronger model, run by the interpreter of an environment that has it."""

    def vectors(texts: Sequence[str]) -> Vectors:
        asked, command = json.dumps(list(texts)), [python, _VECTORS_OF_MINILM]
        try:
            made = subprocess.run(
                command, input=asked, capture_output=True, text=True, timeout=_SECONDS_MAX, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise CommandError(f"--minilm {python} made no vectors: {said[-1] if said else error}") from error
        return np.array(json.loads(made.stdout), dtype=np.float32)

    return vectors


def provider_of(base_url: str, model: str) -> VectorsOf:
    """An embedding model behind OpenAI's API, such as this gateway; its key is in OPENAI_API_KEY."""

    def vectors(texts: Sequence[str]) -> Vectors:
        client = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"), timeout=_SECONDS_MAX)
        made = []
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            answer = client.embeddings.create(model=model, input=batch, encoding_format="float")
            made += [unit_vector([*one.embedding]) for one in answer.data]
        return np.stack(made)

    return vectors
