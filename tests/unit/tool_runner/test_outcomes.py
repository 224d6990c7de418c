"""What follows from the end of a try?"""

import pytest
from tests.support.tools import tool_with

from contracts.envelope import BasedOn
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from tool_runner.domain.breaker import HEALTHY, BreakerPolicy
from tool_runner.domain.facts import ResultMarks, fact_of, outcome_id
from tool_runner.domain.manifest import SideEffect, Tool
from tool_runner.domain.outcome import (
    TRIES_MAX,
    Again,
    Answered,
    ApprovalRequired,
    Cut,
    CutBy,
    Done,
    Ended,
    ErrorClass,
    Failed,
    NotSent,
    TryOutcome,
    Unknown,
    Unusable,
    Verdict,
    verdict_of,
    verdict_of_orphan,
)

READ = tool_with(side_effect=SideEffect.READ)
WRITE = tool_with()
IRREVERSIBLE = tool_with(side_effect=SideEffect.IRREVERSIBLE)
REPEATABLE = tool_with(idempotent=True)
KEYED = tool_with(idempotency_argument="key")


@pytest.mark.parametrize("tool", [WRITE, IRREVERSIBLE])
@pytest.mark.parametrize("by", list(CutBy))
def test_a_cut_write_is_unknown(tool: Tool, by: CutBy) -> None:
    verdict = verdict_of(Cut(by), tool, tries=1)
    assert verdict == Unknown(f"shop.cancel was cut by {by.value}; it may have had its effect")


@pytest.mark.parametrize("tool", [READ, REPEATABLE, KEYED])
def test_what_may_be_repeated_is_made_again_when_its_server_died(tool: Tool) -> None:
    assert verdict_of(Cut(CutBy.SERVER_DEATH), tool, tries=1) is Again.AGAIN
    last = verdict_of(Cut(CutBy.SERVER_DEATH), tool, tries=TRIES_MAX)
    assert isinstance(last, Failed)
    assert (last.error_class, last.retryable) == (ErrorClass.SERVER_UNAVAILABLE, True)


@pytest.mark.parametrize("tool", [READ, REPEATABLE, KEYED])
def test_what_may_be_repeated_fails_at_its_deadline(tool: Tool) -> None:
    verdict = verdict_of(Cut(CutBy.TIMEOUT), tool, tries=1)
    assert isinstance(verdict, Failed)
    assert (verdict.error_class, verdict.retryable) == (ErrorClass.TIMEOUT, True)


@pytest.mark.parametrize(
    ("outcome", "tool", "verdict"),
    [
        (Answered({"a": 1}, is_error=False), WRITE, Done({"a": 1})),
        (Answered("no", is_error=True), WRITE, Done("no", is_error=True)),
        (NotSent(ErrorClass.TIMEOUT, "busy"), WRITE, Failed(ErrorClass.TIMEOUT, "busy", retryable=True)),
        (Unusable("it is too large"), READ, Failed(ErrorClass.INVALID_RESULT, "shop.cancel: it is too large")),
        (Unusable("it is too large"), KEYED, Unknown("shop.cancel ran, but it is too large")),
    ],
)
def test_every_other_end_has_its_verdict(outcome: TryOutcome, tool: Tool, verdict: Verdict) -> None:
    assert verdict_of(outcome, tool, tries=1) == verdict


def test_an_orphan_is_made_again_only_where_that_is_harmless() -> None:
    assert isinstance(verdict_of_orphan(WRITE), Unknown)
    assert all(verdict_of_orphan(tool) is Again.AGAIN for tool in (READ, REPEATABLE, KEYED))


COMMAND = ExecuteToolCall(
    node="agent",
    tool_call_id="t1",
    tool="shop.cancel",
    idempotency_key="k",
    execution_id="e1",
    workflow="shopping",
    based_on=BasedOn(now_ms=1, fence=0),
)

MARKS = ResultMarks(untrusted=True, suspicious=("role_marker",))


def test_each_verdict_is_a_fact_that_names_its_command() -> None:
    done = fact_of(
        Ended(Done(7, is_error=True), repeated=True, cost_microdollars=3), COMMAND, "id", latency_ms=5, marks=MARKS
    )
    failed = fact_of(Ended(Failed(ErrorClass.DENIED, "x" * 3_000, retryable=True)), COMMAND, "id", latency_ms=5)
    unknown = fact_of(Ended(Unknown("why")), COMMAND, "id", latency_ms=5)
    held = fact_of(Ended(ApprovalRequired("big@1", "hash", "m1")), COMMAND, "id", latency_ms=5)
    assert isinstance(done, ToolCallCompleted)
    assert (done.result, done.is_error, done.repeated) == (7, True, True)
    assert isinstance(failed, ToolCallFailed)
    assert (failed.error_class, failed.retryable, len(failed.detail)) == ("denied", True, 2_000)
    assert isinstance(unknown, ToolCallOutcomeUnknown)
    assert (done.untrusted, done.suspicious, done.cost_microdollars) == (True, ("role_marker",), 3)
    assert isinstance(held, ToolCallApprovalRequired)
    assert (held.policy, held.arguments_hash, held.policy_version) == ("big@1", "hash", "m1")
    for fact in (failed, unknown, held):
        assert fact.cost_microdollars == 0
    for fact in (done, failed, unknown, held):
        assert (fact.command_id, fact.tool_call_id, fact.tool) == ("id", "t1", "shop.cancel")
        assert (fact.node, fact.execution_id, fact.latency_ms, fact.workflow) == ("agent", "e1", 5, "shopping")


def test_all_terminal_facts_of_a_command_share_one_id() -> None:
    assert outcome_id("a") == outcome_id("a") != outcome_id("b")


POLICY = BreakerPolicy(failures_max=3, open_seconds=10.0, restart_seconds_first=0.1, restart_seconds_max=0.3)


def test_the_breaker_opens_after_the_declared_failures_and_closes_again() -> None:
    twice = HEALTHY.after_failure(POLICY, 100.0).after_failure(POLICY, 101.0)
    assert not twice.is_open(101.0)
    opened = twice.after_failure(POLICY, 102.0)
    assert opened.is_open(111.9)
    assert not opened.is_open(112.0)
    assert opened.after_failure(POLICY, 112.0).is_open(121.0)


def test_restarts_wait_longer_and_longer_within_a_bound() -> None:
    once = HEALTHY.after_failure(POLICY, 0.0)
    twice = once.after_failure(POLICY, 0.0)
    opened = twice.after_failure(POLICY, 0.0)
    delays = [health.restart_delay(POLICY, 4.0) for health in (HEALTHY, once, twice, opened)]
    assert delays == [0.1, 0.1, 0.2, 6.0]
    assert opened.restart_delay(POLICY, 20.0) == 0.3
