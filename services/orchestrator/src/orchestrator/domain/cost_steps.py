"""What is tried when money has run out, before the reaction to `max_cost` happens?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class CheaperProfile:
    """The refused completion is asked of this profile; the node stays with it. Once a node."""

    profile: str


@dataclass(frozen=True, slots=True)
class AskHuman:
    """A person is asked to raise the cap; after a yes the execution goes on where it was."""

    timeout_ms: int = 86_400_000
    skills: tuple[str, ...] = ()
    priority: Literal["low", "normal", "high", "urgent"] | None = None


CostStep: TypeAlias = CheaperProfile | AskHuman
