"""Does something other than a node send this execution to a person (SPEC O5, O13)?"""

from collections.abc import Callable

from contracts.executions import Reason
from contracts.handovers import OpenApproval
from orchestrator.domain.caps import WHOLE_EXECUTION, execution_is_overspent
from orchestrator.domain.context import scope_of, turns_so_far
from orchestrator.domain.expression import holds
from orchestrator.domain.limits import LOG_BYTES_MAX, LOG_MESSAGES_MAX
from orchestrator.domain.over_cap import ask_people
from orchestrator.domain.progress import Ends, Ready, Waiting
from orchestrator.domain.view import View
from orchestrator.domain.workflow import DefaultResponse, JsonValue, Reaction


def trigger_of(view: View) -> Ends | Ready | Waiting | None:
    """The first trigger that holds, before any node is looked at; money that is spent may be asked for first."""
    return (
        _stopped(view)
        or _log_limit(view)
        or _customer_request(view)
        or _complexity(view)
        or _deadline(view)
        or _budget(view)
    )


def policy_of(view: View, outputs: Callable[[], dict[str, JsonValue]]) -> Ends | None:
    """The first policy of the workflow that holds over what nodes have found so far."""
    rules = view.workflow.handover.policies
    if not rules:
        return None
    scope = scope_of(view.state, view.execution, outputs())
    rule = next((rule for rule in rules if holds(rule.condition, scope)), None)
    return Ends(Reason.POLICY, rule.detail) if rule is not None else None


def deadline_ms(view: View) -> int | None:
    """Log time at which the execution must have ended; time that people took does not count, and while a person is
    asked there is none."""
    waited = 0
    for issued in view.execution.commands.values():
        if not isinstance(issued.message, OpenApproval):
            continue
        outcome, expires = view.outcome_of(issued), issued.message.expires_ms
        if outcome is None and expires > view.log_ms:
            return None
        waited += min(outcome.at_ms if outcome is not None else expires, expires) - issued.at_ms
    return view.execution.started_ms + view.workflow.limits.deadline_ms + waited


def _stopped(view: View) -> Ends | None:
    stop, turn = view.state.stop, view.state.turns.get(view.execution.turn_id or "")
    begun = turn.sequence if turn is not None else (view.state.start.sequence if view.state.start else 0)
    if stop is None or stop.sequence < begun:
        return None
    return Ends(Reason.STOPPED, stop.reason)


def _log_limit(view: View) -> Ends | None:
    state = view.state
    if state.messages < LOG_MESSAGES_MAX and state.bytes_stored < LOG_BYTES_MAX:
        return None
    detail = f"the log of this key is full (limits {LOG_MESSAGES_MAX} messages, {LOG_BYTES_MAX} bytes)"
    return Ends(Reason.LOG_LIMIT, detail)


def _customer_request(view: View) -> Ends | None:
    turn = view.state.turns.get(view.execution.turn_id or "")
    if turn is None:
        return None
    said = turn.message.text.lower()
    phrase = next((p for p in view.workflow.handover.customer_request_phrases if p.lower() in said), None)
    return Ends(Reason.CUSTOMER_REQUEST, f"the customer wrote {phrase!r}") if phrase is not None else None


def _complexity(view: View) -> Ends | None:
    most = view.workflow.handover.turns_max
    turns = turns_so_far(view.state, view.execution)
    if most is None or turns <= most:
        return None
    return Ends(Reason.COMPLEXITY, f"{turns} turns (limit {most})")


def _deadline(view: View) -> Ends | None:
    due = deadline_ms(view)
    if due is None or due > view.log_ms:
        return None
    detail = f"not finished within {view.workflow.limits.deadline_ms} ms"
    return _declared(view.workflow.deadline_reaction, Reason.DEADLINE_EXCEEDED, detail)


def _budget(view: View) -> Ends | Ready | Waiting | None:
    reached = execution_is_overspent(view)
    if reached is None:
        return None
    asked = ask_people(view, view.workflow.cost_steps, reached, node=WHOLE_EXECUTION)
    detail = f"{reached.spent_microdollars} of {reached.cap_microdollars} micro-dollars are spent"
    return asked or _declared(view.workflow.cost_reaction, Reason.BUDGET_EXCEEDED, detail)


def _declared(reaction: Reaction, reason: Reason, detail: str) -> Ends:
    text = reaction.text if isinstance(reaction, DefaultResponse) else None
    return Ends(reason, detail, default_text=text)
