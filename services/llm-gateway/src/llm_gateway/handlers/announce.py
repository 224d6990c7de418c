"""Whom does a spent budget concern, when nobody on the bus asked for the call?"""

from dataclasses import dataclass, field

from contracts.budgets import BudgetExhausted
from contracts.envelope import Identity, derive_message_id
from cost_ledger import OverBudget, exhausted
from llm_gateway.domain.call import Call
from llm_gateway.handlers.clock import Clock

_EVERY_SECONDS = 60
_REMEMBERED_MAX = 10_000


@dataclass(slots=True)
class Announcer:
    """Says of each scope at most once a minute that it is spent: a client that keeps asking must not fill the log."""

    now: Clock
    _said: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def announcement(self, call: Call, over: OverBudget) -> tuple[BudgetExhausted, Identity] | None:
        """What to publish, or nothing when it was said just now."""
        event = exhausted(over, command_id=call.request_id, execution_id=call.execution_id, node=call.node or "")
        minute = int(self.now().timestamp()) // _EVERY_SECONDS
        scope = (event.scope, event.scope_id, event.window)
        if self._said.get(scope) == minute:
            return None
        while len(self._said) >= _REMEMBERED_MAX:
            self._said.pop(next(iter(self._said)))
        self._said[scope] = minute
        cause = f"{event.scope}:{event.scope_id}:{event.window}:{minute}"
        key = call.execution_id or f"costs-{self.now():%Y-%m-%d}"
        return event, Identity(call.tenant, key, derive_message_id(cause, event.route.type), cause)
