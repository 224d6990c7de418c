"""A message contributes to each of its subjects once; what is kept of a conversation depends on no order."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.handovers import BASED, ended, opened
from tests.support.samples import SAMPLES, type_of

from analytics.domain.cells import Cell, Subject
from analytics.domain.contributions import contributions_of
from analytics.domain.conversation_figures import ConversationFigures, HandoverFigures, Turn, conversation_figures
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, count_in
from contracts.catalogue import BY_TYPE, read_message
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent
from contracts.envelope import LogEntry, Message
from contracts.executions import NodeMetrics
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased, HandoverResolved
from contracts.streams import ANALYTICS
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed

TALK = Cell(Subject("acme", "conversations", key="c1"), "all", 0)
MINUTE_MS = 60_000


def details(message: Message) -> list[Contribution]:
    """All but the first two, and but what is counted by fewer dimensions again."""
    found = contributions_of("acme", "c1", LogEntry(5, 125_000, "id5", message, 10))[2:]
    return [one for one in found if one.subject.family not in ("by_workflow", "by_model")]


def test_executions_and_completions_are_counted_by_fewer_dimensions_too() -> None:
    failed = CompletionFailed(command_id="k", model="m/1", workflow="w", error_class="timeout")
    messages = ended(cost_microdollars=9, version="7"), failed
    by_less = [contributions_of("acme", "c1", LogEntry(5, 125_000, "id5", one, 10))[-1] for one in messages]

    assert [one.subject for one in by_less] == [
        Subject("acme", "by_workflow", "support"),
        Subject("acme", "by_model", model="m_1"),
    ]
    assert (by_less[0].counts["cost_microdollars"], by_less[0].values["latency_ms"]) == (9, 1_000)


def test_an_end_counts_for_each_of_its_nodes_with_what_it_took() -> None:
    nodes = (
        NodeMetrics(node="a", agent="planner", outcome="done", attempts=1, completions=2, cost_microdollars=9),
        NodeMetrics(node="b", outcome="failed", attempts=3, error_class="timeout", duration_ms=70),
    )
    first, second, _ = details(ended(nodes=nodes, stage="review"))
    assert first.subject == Subject(
        "acme", "nodes", "support", "1", node="a", agent="planner", stage="review", outcome="done"
    )
    assert first.counts == {
        "runs": 1, "runs_by_outcome.done": 1, "attempts": 1, "completions": 2, "cost_microdollars": 9,
    }  # fmt: skip
    assert second.counts["failures_by_error_class.timeout"] == 1
    assert second.values == {"latency_ms": 70, "cost_microdollars": 0}


def test_two_nodes_whose_names_are_cut_to_the_same_label_are_one_sum() -> None:
    nodes = [NodeMetrics(node="n" * 64 + end, outcome="done", attempts=1) for end in "xy"]
    [one] = details(ended(nodes=tuple(nodes)))
    assert (one.counts["runs"], one.counts["attempts"]) == (2, 2)


def test_completions_tool_calls_and_people_are_counted_by_model_tool_and_person() -> None:
    [done] = details(CompletionProduced(command_id="k", workflow="w", node="n", model="m/1", tokens_output=4))
    [failed] = details(CompletionFailed(command_id="k", error_class="timeout", latency_ms=30))
    [called] = details(
        ToolCallCompleted(command_id="k", tool_call_id="t", tool="shop.pay", workflow="w", is_error=True)
    )
    [denied] = details(ToolCallFailed(command_id="k", tool_call_id="t", tool="shop.pay", error_class="denied"))
    assert done.subject == Subject("acme", "completions", "w", node="n", model="m_1", outcome="produced")
    assert failed.subject.outcome == denied.subject.outcome == "failed"
    assert called.subject == Subject("acme", "tools", "w", tool="shop.pay", outcome="completed")
    assert done.counts == {"completions": 1, "completions_by_cache.none": 1, "tokens_output": 4}
    assert (failed.counts["failed"], failed.values["latency_ms"]) == (1, 30)
    assert called.counts == {"calls": 1, "calls_by_outcome.completed": 1, "tool_errors": 1}
    assert denied.counts["failed_by_error_class.denied"] == 1
    people = [
        (HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="boss", agent_id="ana"), "ana", "claims"),
        (HandoverResolved(handover_id="h", ownership_epoch=2, actor_id="ana"), "ana", "resolved"),
        (ApprovalDecided(approval_id="a", verdict="edit", actor_id="bo"), "bo", "verdicts"),
        (replied(), "ana", "replies"),
    ]
    for message, person, name in people:
        [one] = details(message)
        assert (one.subject, one.counts[name]) == (Subject("acme", "people", person=person), 1)
    assert details(MessageSent(message_id="m", text="x", author="ai", based_on=BASED)) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_no_message_contributes_twice_to_a_subject(sample: object) -> None:
    name = type_of(sample)  # type: ignore[arg-type]
    if BY_TYPE[name] not in ANALYTICS.types:
        return
    message = read_message(f"{name}.acme.c1", sample.read_bytes())  # type: ignore[attr-defined]
    subjects = [one.subject for one in contributions_of("acme", "c1", LogEntry(1, 1, "id", message, 1))]
    assert len(set(subjects)) == len(subjects)


def replied() -> MessageSent:
    return MessageSent(message_id="m", text="x", author="human_agent", author_id="ana", based_on=BASED)


def story() -> list[Message]:
    """A minute between each: the AI answers, people take over, one passes it on, the other ends it, it is rated."""
    return [
        MessageReceived(turn_id="1", text="x"),
        CompletionProduced(command_id="k", cost_microdollars=40),
        MessageSent(message_id="m1", text="x", author="ai", based_on=BASED),
        ended("x1", cost_microdollars=40),
        opened("h1"),
        HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana"),
        replied(),
        HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="ana"),
        HandoverClaimed(handover_id="h1", ownership_epoch=3, actor_id="bo", agent_id="bo"),
        HandoverResolved(handover_id="h1", ownership_epoch=4, actor_id="bo"),
        ConversationRated(rating=4),
        ConversationRated(rating=1),
    ]


def figures_of(numbered: Iterable[tuple[int, Message]]) -> ConversationFigures:
    rollup = Rollup(TALK)
    for number, message in numbered:
        entry = LogEntry(number, number * MINUTE_MS, f"id{number}", message, 10)
        rollup, _ = count_in(rollup, Together([contributions_of("acme", "c1", entry)[1]]), Settled("log", 0))
    return conversation_figures(rollup)


def test_a_conversation_tells_who_waited_who_had_it_how_it_ended_and_what_it_cost() -> None:
    found = figures_of(enumerate(story(), start=1))
    assert found.messages == {"customer": 1, "ai": 1, "human_agent": 1}
    [handover] = found.handovers
    assert handover == HandoverFigures("h1", "customer_request", 5 * MINUTE_MS, MINUTE_MS, 10 * MINUTE_MS, "resolved")
    assert found.turns == (Turn("ana", 1, 6 * MINUTE_MS, 8 * MINUTE_MS), Turn("bo", 3, 9 * MINUTE_MS, 10 * MINUTE_MS))
    assert (found.handle_ms, found.resolution, found.rating) == (3 * MINUTE_MS, "resolved", 4)
    assert (found.ai_cost_microdollars, found.human_cost_microdollars) == (40, 1_250_000)


@given(st.integers(0, 10_000))
def test_whatever_order_messages_come_in_and_however_often_a_conversation_is_the_same(seed: int) -> None:
    numbered = list(enumerate(story(), start=1))
    randomly = random.Random(seed)
    mixed = numbered + randomly.sample(numbered, 5)
    randomly.shuffle(mixed)
    assert figures_of(mixed) == figures_of(numbered)


def test_what_the_ai_ended_alone_is_resolved_by_it_and_what_failed_by_nobody() -> None:
    assert figures_of([(1, ended("x1"))]).resolution == "ai"
    assert figures_of([(1, ended("x1", success=False))]).resolution is None
    waiting = figures_of([(1, opened("h1"))])
    assert (waiting.handovers[0].wait_ms, waiting.resolution, waiting.handle_ms) == (None, None, 0)
