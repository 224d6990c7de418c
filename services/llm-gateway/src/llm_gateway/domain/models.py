"""Which models are there, what do they cost, and which profiles choose among them?"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens."""

    input: int
    output: int
    cached: int


@dataclass(frozen=True, slots=True)
class Model:
    """`price` None: nobody has said what it costs, so it is never called."""

    name: str
    provider: str
    price: Price | None
    context_tokens_max: int
    output_tokens_max: int


@dataclass(frozen=True, slots=True)
class ModelTable:
    """`profiles` names models in the order in which they are tried."""

    models: Mapping[str, Model]
    profiles: Mapping[str, tuple[str, ...]]
