"""What is done about a cap that refused something, before the declared reaction to `max_cost` happens?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.budgets import CapReached
from contracts.completions import CompletionFailed, RequestCompletion
from contracts.tool_calls import ToolCallFailed
from orchestrator.domain.ask_for_money import ask_for_money
from orchestrator.domain.caps import is_raised
from orchestrator.domain.cost_steps import AskHuman, CostStep
from orchestrator.domain.progress import Ready, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Limit, Node

REFUSALS_MAX = 6
"""Completions of one iteration, or tries of one tool call, that caps may refuse: one as declared, one cheaper, one
after each raise, and room for a service that has not heard of a raise yet."""


@dataclass(frozen=True, slots=True)
class Again:
    """The completion is asked again, of this profile."""

    profile: str


def refusal_of(view: View, issued: Issued) -> CompletionFailed | None:
    """What a cap said to a request, if one refused it."""
    outcome = view.outcome_of(issued)
    failed = outcome.message if outcome is not None else None
    return failed if isinstance(failed, CompletionFailed) and failed.error_class == "budget_exceeded" else None


def refusal_of_tool(view: View, issued: Issued) -> ToolCallFailed | None:
    """What a cap said to a tool call, if one refused it and has a name."""
    outcome = view.outcome_of(issued)
    failed = outcome.message if outcome is not None else None
    return failed if isinstance(failed, ToolCallFailed) and failed.cap_reached is not None else None


def profile_in_use(view: View, node: Node) -> str:
    """The profile of the node's newest request: a node that went to a cheaper one stays there."""
    return [node.profile, *_profiles_asked(view, node)][-1]


def after_refusal(view: View, node: Node, reached: CapReached | None) -> Again | Ready | Waiting | None:
    """What comes next for a refused completion; None when only the declared reaction is left. `reached` is None where
    the gateway does not say which cap refused, which nobody can raise then."""
    if reached is not None and is_raised(view, reached):
        return Again(profile_in_use(view, node))
    used = {node.profile, *_profiles_asked(view, node)}
    for step in cost_steps(view, node):
        if isinstance(step, AskHuman):
            asked = ask_for_money(view, step, reached, node=node.id) if reached is not None else None
            if asked is not None:
                return asked
        elif step.profile not in used:
            return Again(step.profile)
    return None


def ask_people(view: View, steps: Sequence[CostStep], reached: CapReached, *, node: str) -> Ready | Waiting | None:
    """What comes next where the money is spent already, so that no profile is cheap enough."""
    step = next((step for step in steps if isinstance(step, AskHuman)), None)
    return ask_for_money(view, step, reached, node=node) if step is not None else None


def after_tool_refusal(
    view: View, node: Node, refusals: Sequence[ToolCallFailed], *, again: Callable[[], Ready]
) -> Ready | Waiting | None:
    """What comes next for a tool call that caps refused, the newest last; None when only the declared reaction is left.
    No profile makes a tool cheaper: either a person is asked, or nothing starts, whoever has raised the cap meanwhile.
    """
    reached, steps = refusals[-1].cap_reached, cost_steps(view, node)
    if reached is None or len(refusals) >= REFUSALS_MAX or not any(isinstance(step, AskHuman) for step in steps):
        return None
    return again() if is_raised(view, reached) else ask_people(view, steps, reached, node=node.id)


def cost_steps(view: View, node: Node) -> tuple[CostStep, ...]:
    """The node's own steps; the workflow's where the node declares nothing for `max_cost`."""
    return node.cost_steps if Limit.COST in node.reactions else view.workflow.cost_steps


def _profiles_asked(view: View, node: Node) -> list[str]:
    requests = (issued.message for issued in view.by_node.get(node.id, ()))
    return [message.profile for message in requests if isinstance(message, RequestCompletion)]
