"""How does the semantic cache get its vectors from a provider?"""

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import JsonValue

from cost_gate import GateClosed
from llm_gateway.adapters.embedder import Vector, VectorMissing
from llm_gateway.domain.call import NO_TOOLS, Call, NotCompleted
from llm_gateway.handlers.embed import Embedded

SECONDS_MAX = 1.0
"""A lookup that takes longer is no help: a miss."""
DIMENSIONS_MAX = 8_192
VECTORS_KEPT_MAX = 1_000


@dataclass(slots=True)
class ProviderEmbedder:
    """Each text is a call of its own, paid for by who asked, masked, limited and recorded as any; what it cost is not
    in the answer's cost but in the ledger beside it. A text that was asked for lately is not asked for again: the
    question that was looked up is the one that is kept. `ask` is set before the first call."""

    profile: str
    name: str
    ask: Callable[[Call], Awaitable[Embedded | NotCompleted]] | None = None
    _kept: "OrderedDict[str, Vector]" = field(default_factory=OrderedDict)

    async def embed(self, text: str, payer: Call) -> Vector:
        """Raises VectorMissing."""
        vector = self._kept.pop(text, None)
        if vector is None:
            vector = await self._asked(text, payer)
        self._kept[text] = vector
        while len(self._kept) > VECTORS_KEPT_MAX:
            self._kept.popitem(last=False)
        return vector

    async def _asked(self, text: str, payer: Call) -> Vector:
        assert self.ask is not None
        try:
            answer = await self.ask(_call(self.profile, text, payer))
        except (GateClosed, ValueError) as error:  # ValueError: caps of the request that contradict each other.
            raise VectorMissing(str(error)) from error
        if isinstance(answer, NotCompleted):
            raise VectorMissing(answer.failure.detail)
        return unit_vector(answer.vectors[0])


def unit_vector(given: JsonValue) -> Vector:
    """Of length 1. Raises VectorMissing for what is no vector."""
    if not isinstance(given, list) or not 1 <= len(given) <= DIMENSIONS_MAX:
        raise VectorMissing(f"the provider gave no list of 1 to {DIMENSIONS_MAX} numbers")
    try:
        numbers = [float(number) for number in given if isinstance(number, int | float)]
    except OverflowError as error:
        raise VectorMissing("the provider gave a vector with a number in it that is too large") from error
    if len(numbers) < len(given):
        raise VectorMissing("the provider gave a vector with something in it that is no number")
    length = math.hypot(*numbers)
    if not math.isfinite(length) or length == 0:
        raise VectorMissing(f"the provider gave a vector of length {length}")
    return np.array([number / length for number in numbers], dtype=np.float32)


def _call(profile: str, text: str, payer: Call) -> Call:
    return replace(
        payer,
        request_id=f"{payer.request_id}-question",
        profile=profile,
        body={"input": [text], "encoding_format": "float"},
        timeout_seconds=min(SECONDS_MAX, payer.timeout_seconds),
        output_tokens_max=None,
        output_schema=None,
        offered=NO_TOOLS,
        cache=None,
        must_say_something=False,
    )
