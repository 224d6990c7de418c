"""Who asks, and what may they do?"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["agent", "supervisor", "admin"]
SUPERVISES: frozenset[Role] = frozenset({"supervisor", "admin"})


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, or a token that acts for one. Everything that a request may touch is of this tenant."""

    tenant: str
    actor_id: str
    name: str
    role: Role
    scopes: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()

    @property
    def supervises(self) -> bool:
        """May act on what others own."""
        return self.role in SUPERVISES
