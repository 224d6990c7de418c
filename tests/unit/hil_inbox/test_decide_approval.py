"""Verdicts: what counts, once, and what is refused aloud."""

from types import MappingProxyType

import pytest
from tests.support.costly_schemas import doubled
from tests.support.handovers import asked

from contracts.handovers import ApprovalDecided, DecideApproval, HandoverRefused, OpenApproval
from hil_inbox.domain.decide_approval import decide_approval
from hil_inbox.domain.ownership import Ownership

FORM = {"type": "object", "properties": {"cents": {"type": "integer", "maximum": 5_000}}, "required": ["cents"]}


def state(approval: OpenApproval, **fields: object) -> Ownership:
    approvals = MappingProxyType({approval.approval_id: approval})
    return Ownership("acme", "c1", is_known=True, approvals=approvals, **fields)  # type: ignore[arg-type]


def verdict(word: str, **fields: object) -> DecideApproval:
    body = {"command_id": "k", "approval_id": "a1", "actor_id": "ana", "verdict": word, **fields}
    return DecideApproval.model_validate(body)


def test_a_verdict_becomes_a_fact() -> None:
    fact = decide_approval(state(asked("a1")), verdict("reject", reason="too much"), now_ms=7)
    assert fact == ApprovalDecided(approval_id="a1", verdict="reject", actor_id="ana", reason="too much")


def test_arguments_go_into_the_fact_of_an_edit_alone() -> None:
    edited = decide_approval(state(asked("a1", form=FORM)), verdict("edit", arguments={"cents": 1}), now_ms=7)
    approved = decide_approval(state(asked("a1")), verdict("approve", arguments={"cents": 1}), now_ms=7)
    assert isinstance(edited, ApprovalDecided) and edited.arguments == {"cents": 1}
    assert isinstance(approved, ApprovalDecided) and approved.arguments is None


def test_a_question_is_answered_within_its_form() -> None:
    question = asked("a1", kind="question", form=FORM, tool=None)
    fits = decide_approval(state(question), verdict("respond", answer={"cents": 1}), now_ms=7)
    assert isinstance(fits, ApprovalDecided) and fits.answer == {"cents": 1}
    misses = decide_approval(state(question), verdict("respond", answer={"cents": "x"}), now_ms=7)
    assert isinstance(misses, HandoverRefused) and "answer.cents" in misses.detail


@pytest.mark.parametrize("form", [{"type": "nonsense"}, {"$ref": "http://example.test/schema.json"}])
def test_a_form_that_is_no_schema_of_its_own_holds_nobody_up(form: dict[str, object]) -> None:
    command = verdict("edit", arguments={"cents": "x"})
    assert isinstance(decide_approval(state(asked("a1", form=form)), command, now_ms=7), ApprovalDecided)


@pytest.mark.parametrize("word", ["allOf", "anyOf", "oneOf"])
def test_a_form_that_would_be_compared_for_ages_holds_nobody_up(word: str) -> None:
    """There is no clock here: comparing one value 2^30 times would stop the inbox for minutes."""
    command = verdict("edit", arguments={"cents": "x"})
    approval = asked("a1", form=doubled(word, 30))
    assert isinstance(decide_approval(state(approval), command, now_ms=7), ApprovalDecided)


def test_an_answer_too_large_for_its_form_is_refused() -> None:
    question = asked("a1", kind="question", form={"items": {"anyOf": [{"const": n} for n in range(200)]}}, tool=None)
    misses = decide_approval(state(question), verdict("respond", answer=[-1] * 3_000), now_ms=7)
    assert isinstance(misses, HandoverRefused) and "answer: too large to be checked" in misses.detail


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (verdict("edit"), "arguments: missing"),
        (verdict("edit", arguments={"cents": 9_000}), "arguments.cents"),
        (verdict("reject"), "reason: empty"),
        (verdict("respond"), "answer: missing"),
    ],
)
def test_a_verdict_that_lacks_something_names_it(command: DecideApproval, text: str) -> None:
    refusal = decide_approval(state(asked("a1", form=FORM)), command, now_ms=7)
    assert isinstance(refusal, HandoverRefused)
    assert refusal.reason == "invalid_verdict"
    assert text in refusal.detail


def test_arguments_without_a_form_are_taken_as_they_are() -> None:
    fact = decide_approval(state(asked("a1")), verdict("edit", arguments={"cents": "x"}), now_ms=7)
    assert isinstance(fact, ApprovalDecided)


def test_a_question_has_no_arguments_to_edit() -> None:
    command = verdict("edit", arguments={})
    refusal = decide_approval(state(asked("a1", kind="question")), command, now_ms=7)
    assert isinstance(refusal, HandoverRefused) and "respond" in refusal.detail


def test_an_answer_instead_of_a_tool_call_is_free_text() -> None:
    command = verdict("respond", answer="we never refund this")
    assert isinstance(decide_approval(state(asked("a1", form=FORM)), command, now_ms=7), ApprovalDecided)


def test_what_comes_too_late_is_refused_with_what_came_first() -> None:
    first = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="bo")
    decided = state(asked("a1"), verdicts=MappingProxyType({"a1": first}))
    over = state(asked("a1"), finished=frozenset({"x1"}))
    late = state(asked("a1", expires_ms=7))
    refusals = [decide_approval(known, verdict("approve"), now_ms=7) for known in (decided, over, late)]
    assert all(isinstance(refusal, HandoverRefused) for refusal in refusals)
    reasons = [refusal.reason for refusal in refusals]
    assert reasons == ["already_decided", "execution_finished", "expired"]
    assert isinstance(refusals[0], HandoverRefused) and refusals[0].owner_id == "bo"


def test_a_verdict_on_what_was_never_asked_is_refused() -> None:
    refusal = decide_approval(Ownership("acme", "c1"), verdict("approve"), now_ms=7)
    assert isinstance(refusal, HandoverRefused) and refusal.reason == "unknown_approval"
