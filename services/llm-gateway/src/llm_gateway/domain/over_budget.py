"""Which cap refused a call, and by how much?"""

from dataclasses import dataclass

from contracts.budgets import CapReached


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

    @property
    def cap_reached(self) -> CapReached:
        """For whoever asked: what has to be raised, and how far."""
        return CapReached(
            scope=self.scope,
            scope_id=self.scope_id,
            window=self.window,
            cap_microdollars=self.cap,
            spent_microdollars=self.spent,
            held_microdollars=self.held,
            requested_microdollars=self.requested,
        )
