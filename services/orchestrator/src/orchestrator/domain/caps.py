"""Which money caps hold for an execution and its nodes, now that people may have raised them?"""

from collections.abc import Iterable

from contracts.budgets import BudgetRaised, CapReached, RaiseBudget
from contracts.completions import Cap
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Node

WHOLE_EXECUTION = ""
"""Node of what concerns no single node."""


def caps_of(view: View, node: Node) -> tuple[Cap, ...]:
    """Caps that gateway and tool runner enforce; an unset one is left out and so inherits the tenant's, until it is
    raised."""
    limits, execution_id, node_id = view.workflow.limits, view.execution.id, _node_id(view, node)
    declared, caps = limits.cost_max_microdollars, []
    of_execution = [declared] if declared is not None or limits.is_uncapped else []
    of_execution += raises(view, "execution", _scope_id(view, execution_id), "total")
    if of_execution:
        caps.append(Cap(scope="execution", id=execution_id, cap_microdollars=_highest(of_execution)))
    if node.limits.cost_max_microdollars is not None:
        caps.append(Cap(scope="node", id=node_id, cap_microdollars=_node_cap(view, node)))
    return tuple(caps)


def node_is_spent(view: View, node: Node) -> CapReached | None:
    """The node's own cap, if its money is spent."""
    cap, spent = _node_cap(view, node), view.spent(node.id)
    if cap is None or spent < cap:
        return None
    return _reached("node", _scope_id(view, _node_id(view, node)), cap, spent=spent)


def execution_is_overspent(view: View) -> CapReached | None:
    """The execution's own cap, if more is spent; a cap of 0 refuses everything."""
    declared, scope_id = view.workflow.limits.cost_max_microdollars, _scope_id(view, view.execution.id)
    if declared is None:
        return None
    cap, spent = _highest((declared, *raises(view, "execution", scope_id, "total"))), view.spent_in_all
    if cap is None or (spent <= cap and cap > 0):
        return None
    return _reached("execution", scope_id, cap, spent=spent)


def is_raised(view: View, reached: CapReached) -> bool:
    """Whether the cap that refused something has been raised since."""
    caps = raises(view, reached.scope, reached.scope_id, reached.window)
    return any(cap is None or cap > reached.cap_microdollars for cap in caps)


def raises(view: View, scope: str, scope_id: str, window: str) -> list[int | None]:
    """What people have raised a cap to in this execution; None is uncapped."""
    found: list[int | None] = []
    for issued in view.execution.commands.values():
        outcome, asked = view.outcome_of(issued), issued.message
        if not isinstance(asked, RaiseBudget) or (asked.scope, asked.scope_id, asked.window) != (
            scope,
            scope_id,
            window,
        ):
            continue
        if outcome is not None and isinstance(outcome.message, BudgetRaised):
            found.append(outcome.message.cap_microdollars)
    return found


def _node_cap(view: View, node: Node) -> int | None:
    declared = node.limits.cost_max_microdollars
    if declared is None:
        return None
    return _highest((declared, *raises(view, "node", _scope_id(view, _node_id(view, node)), "total")))


def _node_id(view: View, node: Node) -> str:
    return f"{view.execution.id}/{node.id}"


def _scope_id(view: View, identity: str) -> str:
    """As the cost gate names it."""
    return f"{view.state.tenant}/{identity}"


def _highest(caps: Iterable[int | None]) -> int | None:
    highest = 0
    for cap in caps:
        if cap is None:
            return None
        highest = max(highest, cap)
    return highest


def _reached(scope: str, scope_id: str, cap: int, *, spent: int) -> CapReached:
    return CapReached(scope=scope, scope_id=scope_id, cap_microdollars=cap, spent_microdollars=spent)
