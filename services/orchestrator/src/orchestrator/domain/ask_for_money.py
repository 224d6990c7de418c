"""How is a person asked to raise a cap, and what follows from the answer?"""

from dataclasses import dataclass

from contracts.budgets import CapQuestion, CapReached, RaiseBudget
from contracts.envelope import BasedOn
from contracts.handovers import OpenApproval
from orchestrator.domain.cost_steps import AskHuman
from orchestrator.domain.limits import GRACE_MS
from orchestrator.domain.progress import Ready, Waiting
from orchestrator.domain.state import Issued
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue

QUESTIONS_MAX = 3
"""Questions about money in one execution, and so raises."""
RAISE_TIMEOUT_MS = 60_000
"""Longer than a gateway takes to come back."""
TIMES_PROPOSED_MAX = 10
"""A person may name a cap up to this many times the proposed one."""
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question about money."""

    issued: Issued
    approval: OpenApproval
    question: CapQuestion


def ask_for_money(view: View, step: AskHuman, reached: CapReached, *, node: str) -> Ready | Waiting | None:
    """The question, the wait for its answer, the raise, the wait for the raise; None when nothing more comes of it.

    One cap is asked about once at a time, however many nodes it refused, and a no stands for the whole execution."""
    asked = _asked(view)
    newest = next((one for one in reversed(asked) if _scope_of(one.question) == _scope_of(reached)), None)
    if newest is None:
        return _ask(view, step, reached, node=node, number=len(asked) + 1)
    if view.outcome_of(newest.issued) is None and newest.approval.expires_ms > view.log_ms:
        return Waiting(newest.approval.expires_ms)
    cap = _granted(view, newest)
    if cap is None:
        return None
    raised = next((i for i in view.execution.commands.values() if _is_raise(i, newest.approval)), None)
    if raised is None:
        return _raise(view, newest, cap)
    if view.outcome_of(raised) is None:
        due = raised.at_ms + RAISE_TIMEOUT_MS + GRACE_MS
        return Waiting(due) if due > view.log_ms else None
    return _ask(view, step, reached, node=node, number=len(asked) + 1)  # What it was raised to is spent too.


def question_about(reached: CapReached) -> CapQuestion:
    """Proposes twice the cap, or half as much again as is needed now where that is more, rounded up to two digits."""
    needed = reached.spent_microdollars + reached.held_microdollars + reached.requested_microdollars
    least = max(needed, reached.cap_microdollars + 1)
    proposed = _two_digits(max(2 * reached.cap_microdollars, needed * 3 // 2, least))
    return CapQuestion(
        **reached.model_dump(),
        proposed_microdollars=proposed,
        least_microdollars=least,
        most_microdollars=proposed * TIMES_PROPOSED_MAX,
    )


def _asked(view: View) -> list[_Asked]:
    found = []
    for issued in view.execution.commands.values():
        message = issued.message
        if isinstance(message, OpenApproval) and message.budget is not None:
            found.append(_Asked(issued, message, message.budget))
    return found


def _scope_of(cap: CapReached) -> tuple[str, str, str]:
    return cap.scope, cap.scope_id, cap.window


def _is_raise(issued: Issued, approval: OpenApproval) -> bool:
    return isinstance(issued.message, RaiseBudget) and issued.message.approval_id == approval.approval_id


def _granted(view: View, asked: _Asked) -> int | None:
    """The cap that a person agreed to; None for a no, for silence, and for a figure that is out of bounds."""
    verdict, question = view.verdict_on(asked.issued), asked.question
    match verdict.verdict if verdict is not None else None:
        case "approve":
            return question.proposed_microdollars
        case "respond":
            assert verdict is not None
            figure = verdict.answer.get("cap_usd") if isinstance(verdict.answer, dict) else None
            least, most = question.least_microdollars / MICRO, question.most_microdollars / MICRO
            if isinstance(figure, bool) or not isinstance(figure, int | float) or not least <= figure <= most:
                return None
            return round(figure * MICRO)
        case _:
            return None


def _ask(view: View, step: AskHuman, reached: CapReached, *, node: str, number: int) -> Ready | None:
    if number > QUESTIONS_MAX:
        return None
    command_id, question, rules = view.id_of(node, "budget", number), question_about(reached), view.workflow.handover

    def build(based_on: BasedOn) -> OpenApproval:
        return OpenApproval(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            approval_id=command_id,
            kind="question",
            node=node,
            ask=_ask_text(question),
            form=_form(question),
            budget=question,
            on_expiry="reject",
            skills=step.skills or rules.skills,
            workflow=view.workflow.name,
            priority=step.priority or rules.priority,
            expires_ms=based_on.now_ms + step.timeout_ms,
        )

    return Ready(command_id, build, step.timeout_ms)


def _raise(view: View, asked: _Asked, cap_microdollars: int) -> Ready:
    approval, question = asked.approval, asked.question

    def build(based_on: BasedOn) -> RaiseBudget:
        return RaiseBudget(
            execution_id=view.execution.id,
            workflow_hash=view.execution.workflow_hash,
            based_on=based_on,
            scope=question.scope,
            scope_id=question.scope_id,
            window=question.window,
            cap_microdollars=cap_microdollars,
            approval_id=approval.approval_id,
            node=approval.node,
        )

    return Ready(view.id_of(approval.node, f"raise/{approval.approval_id}", 1), build, RAISE_TIMEOUT_MS)


def _ask_text(question: CapQuestion) -> str:
    """What stands still, and what a yes would do."""
    window = "in all" if question.window == "total" else f"each {question.window}"
    stays = "" if question.scope in ("execution", "node") else " The new cap stays in force for everybody under it."
    return (
        f"The AI waits for money. {question.scope} {question.scope_id} may spend {_usd(question.cap_microdollars)} USD "
        f"{window}; {_usd(question.spent_microdollars)} are spent, {_usd(question.held_microdollars)} held, and at "
        f"least {_usd(question.requested_microdollars)} more are needed. May the cap be raised to "
        f"{_usd(question.proposed_microdollars)} USD, or to another figure that you name?{stays}"
    )


def _form(question: CapQuestion) -> dict[str, JsonValue]:
    cap: dict[str, JsonValue] = {
        "type": "number",
        "description": "the new cap in USD",
        "minimum": question.least_microdollars / MICRO,
        "maximum": question.most_microdollars / MICRO,
        "default": question.proposed_microdollars / MICRO,
    }
    return {
        "type": "object",
        "properties": {"cap_usd": cap},
        "required": ["cap_usd"],
        "additionalProperties": False,
    }


def _two_digits(microdollars: int) -> int:
    step: int = 10 ** max(0, len(str(microdollars)) - 2)
    return -(-microdollars // step) * step


def _usd(microdollars: int) -> str:
    return f"{microdollars / MICRO:.6f}".rstrip("0").rstrip(".")
