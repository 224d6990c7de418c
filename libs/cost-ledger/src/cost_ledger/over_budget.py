"""Which cap refused a call, and by how much?"""

from dataclasses import dataclass

from contracts.budgets import BudgetExhausted, CapReached
from cost_gate import Refused


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

    @classmethod
    def of(cls, refused: Refused, *, requested: int) -> "OverBudget":
        """What the gate's refusal says of a call that needs at least `requested`."""
        scope = refused.scope
        return cls(
            scope=str(scope.kind),
            scope_id=scope.id,
            window=str(scope.window),
            cap=refused.cap_microdollars,
            spent=refused.spent_microdollars,
            held=refused.held_microdollars,
            requested=requested,
        )

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


def exhausted(over: OverBudget, *, command_id: str, execution_id: str | None, node: str) -> BudgetExhausted:
    """The fact that a cap refused a call."""
    return BudgetExhausted(
        command_id=command_id,
        execution_id=execution_id,
        node=node,
        scope=over.scope,
        scope_id=over.scope_id,
        window=over.window,
        cap_microdollars=over.cap,
        spent_microdollars=over.spent,
        held_microdollars=over.held,
        requested_microdollars=over.requested,
    )
