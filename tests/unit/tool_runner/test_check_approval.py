"""When is a person asked, and which yes counts?"""

from typing import Any

import pytest

from contracts.envelope import BasedOn, LogEntry, Message
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.tool_calls import ExecuteToolCall
from tool_runner.domain.arguments import arguments_hash
from tool_runner.domain.check_approval import approval_needed, verdict_on_approval
from tool_runner.domain.check_grants import CallFacts
from tool_runner.domain.manifest import ApprovalPolicy
from tool_runner.domain.outcome import ApprovalRequired, ErrorClass, Failed

ARGUMENTS: dict[str, Any] = {"amount": 500}
CALL = CallFacts(tool="shop.refund", arguments=ARGUMENTS, tenant="acme", workflow="returns", node="pay", agent="clerk")
BIG = ApprovalPolicy("big", "arguments.amount > `100`")
ALWAYS = ApprovalPolicy("always")
AFTER = ApprovalPolicy("after", None, after_untrusted_read=True)
BASED_ON = BasedOn(now_ms=1, fence=0)


def needed(
    *policies: ApprovalPolicy, arguments: dict[str, Any] | None = None, read_untrusted: bool = False
) -> str | None:
    call = CallFacts("shop.refund", ARGUMENTS if arguments is None else arguments, "acme", "returns", "pay")
    return approval_needed(call, policies, read_untrusted=read_untrusted)


def test_nobody_is_asked_without_a_policy_or_where_none_holds() -> None:
    assert needed() is None
    assert needed(BIG, AFTER, arguments={"amount": 100}) is None


@pytest.mark.parametrize("arguments", [{"amount": 101}, {}, {"amount": "5"}, {"amount": None}])
def test_whatever_is_not_surely_false_asks(arguments: dict[str, Any]) -> None:
    assert (needed(BIG, arguments=arguments) or "").startswith("big@")


@pytest.mark.parametrize("when", ["no_such_function(@)", "arguments.amount", "abs(arguments.name)"])
def test_a_policy_that_fails_asks(when: str) -> None:
    assert needed(ApprovalPolicy("odd", when)) is not None


def test_a_policy_sees_who_calls_from_where() -> None:
    own = ApprovalPolicy("own", "tenant == 'acme' && workflow == 'returns' && node == 'pay' && agent == null")
    assert needed(own) is not None
    assert approval_needed(CALL, (own,), read_untrusted=False) is None


def test_a_write_after_an_untrusted_read_asks_where_the_policy_says_so() -> None:
    assert needed(AFTER) is None
    assert (needed(AFTER, read_untrusted=True) or "").startswith("after@")
    both = ApprovalPolicy("both", "arguments.amount > `100`", after_untrusted_read=True)
    assert needed(both, arguments={"amount": 1}, read_untrusted=True) is None


def test_policies_that_hold_are_named_together_and_another_rule_is_another_version() -> None:
    named = needed(BIG, ALWAYS) or ""
    assert [name.partition("@")[0] for name in named.split(", ")] == ["always", "big"]
    assert needed(ApprovalPolicy("big", "arguments.amount > `50`")) != needed(BIG)


POLICY = needed(BIG) or ""


def command(**fields: Any) -> ExecuteToolCall:
    return ExecuteToolCall.model_validate(
        {
            "based_on": BASED_ON,
            "execution_id": "e1",
            "node": "pay",
            "tool_call_id": "t1",
            "tool": "shop.refund",
            "arguments": ARGUMENTS,
            "idempotency_key": "k",
            "approval_id": "a1",
            "attempt": 2,
            **fields,
        }
    )


def opened(**fields: Any) -> OpenApproval:
    return OpenApproval.model_validate(
        {
            "based_on": BASED_ON,
            "execution_id": "e1",
            "approval_id": "a1",
            "kind": "tool_call",
            "node": "pay",
            "ask": "May it?",
            "tool_call_id": "1/t1",
            "tool": "shop.refund",
            "arguments": ARGUMENTS,
            "arguments_hash": arguments_hash("shop.refund", ARGUMENTS),
            "policy": POLICY,
            "expires_ms": 1_000,
            **fields,
        }
    )


def decided(verdict: str = "approve", **fields: Any) -> ApprovalDecided:
    return ApprovalDecided.model_validate({"approval_id": "a1", "verdict": verdict, "actor_id": "anna", **fields})


def log(*messages: Message, at_ms: int = 500) -> list[LogEntry]:
    held = command(approval_id=None, attempt=1)
    return [LogEntry(n, at_ms, f"m{n}", one, 1) for n, one in enumerate((held, *messages), 1)]


def test_a_yes_to_exactly_this_call_lets_it_through() -> None:
    assert verdict_on_approval(command(), POLICY, log(opened(), decided())) is None


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (log(), "nobody was asked under this id"),
        (log(opened(approval_id="a2"), decided()), "nobody was asked under this id"),
        (log(decided()), "nobody was asked under this id"),
        (log(opened(tool_call_id="1/t2"), decided()), "it is about another call"),
        (log(opened(tool_call_id="2/t1"), decided()), "it is about another call"),
        (log(opened(tool="shop.other"), decided()), "it is about another call"),
        (log(opened(execution_id="e2"), decided()), "it is about another call"),
        (log(opened(node="other"), decided()), "it is about another call"),
        (log(opened(kind="question"), decided()), "it is about another call"),
        (log(opened(), decided())[1:], "it is about another call"),
        (log(opened()), "nobody has decided yet"),
        (log(opened(), decided(approval_id="a2")), "nobody has decided yet"),
        (log(opened(), decided(), at_ms=1_001), "it was decided 1 ms after it had expired"),
        (log(opened(), decided("reject")), "the verdict was reject"),
        (log(opened(), decided("respond", answer="no need")), "the verdict was respond"),
        (log(opened(), decided("reject"), decided("approve")), "the verdict was reject"),
        (log(opened(arguments={"amount": 1}), decided()), "it is for other arguments"),
        (log(opened(arguments_hash="forged"), decided()), "it is for other arguments"),
        (log(opened(), decided("edit")), "it is for other arguments"),
        (log(opened(), decided("edit", arguments={"amount": 7})), "it is for other arguments"),
    ],
)
def test_every_other_approval_is_denied_with_its_reason(entries: list[LogEntry], why: str) -> None:
    detail = f"shop.refund: approval a1 does not allow this call: {why}"
    assert verdict_on_approval(command(), POLICY, entries) == Failed(ErrorClass.DENIED, detail)


def test_a_yes_for_one_entity_is_none_for_another() -> None:
    refused = verdict_on_approval(command(entity="bob"), POLICY, log(opened(), decided()))
    assert isinstance(refused, Failed)
    assert refused.detail.endswith("it is about another call")


def test_a_verdict_that_came_before_the_question_is_none() -> None:
    refused = verdict_on_approval(command(), POLICY, log(decided(), opened()))
    assert isinstance(refused, Failed)
    assert refused.detail.endswith("nobody has decided yet")


def test_an_edit_allows_the_arguments_of_the_person_alone() -> None:
    entries = log(opened(), decided("edit", arguments={"amount": 7}))
    assert verdict_on_approval(command(arguments={"amount": 7}), POLICY, entries) is None


def test_a_person_who_was_asked_under_another_policy_is_asked_again() -> None:
    asked_again = verdict_on_approval(command(), "always@1, " + POLICY, log(opened(), decided()))
    assert asked_again == ApprovalRequired("always@1, " + POLICY, arguments_hash("shop.refund", ARGUMENTS))
