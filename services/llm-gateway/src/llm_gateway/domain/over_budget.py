"""Which cap refused a call, and by how much?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OverBudget:
    """All in micro-dollars; `requested` is the least that would have been of use."""

    scope: str
    scope_id: str
    window: str
    cap: int
    spent: int
    held: int
    requested: int

    @property
    def detail(self) -> str:
        """For people."""
        return (
            f"{self.scope} {self.scope_id} ({self.window}): {self.requested} micro-dollars on top of "
            f"{self.spent} spent and {self.held} held pass the cap of {self.cap}"
        )
