"""What each message counts for."""

import pytest
from tests.support.handovers import ended, opened

from analytics.domain.cells import Subject
from analytics.domain.contribute import COUNTED, contribution_of
from analytics.domain.execution import execution_document, execution_id
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import CloseConversation, MessageReceived
from contracts.costs import CostEntry, CostRecorded, RequestRecord
from contracts.envelope import LogEntry, Message
from contracts.evaluations import EvaluationFinished
from contracts.executions import NodeMetrics
from contracts.handovers import HandoverClaimed
from contracts.kpis import KpiRecorded
from contracts.streams import ANALYTICS


def entry(message: Message | None) -> LogEntry:
    return LogEntry(5, 125_000, "id5", message, 10)


def test_an_execution_counts_for_its_workflow_version() -> None:
    nodes = (
        NodeMetrics(node="a", outcome="done", completions=2),
        NodeMetrics(node="b", outcome="failed", tool_calls=3),
    )
    found = contribution_of("acme", entry(ended(turn_id="1", cost_microdollars=7, nodes=nodes)))
    assert found.subject == Subject("acme", "executions", "support", "1", stage="auto", outcome="finished")
    assert found.values == {"latency_ms": 1_000, "cost_microdollars": 7}
    assert found.counts == {
        "executions": 1,
        "successes": 1,
        "turns": 1,
        "cost_microdollars": 7,
        "completions": 2,
        "tool_calls": 3,
        "node_failures": 1,
        "unaided": 1,
        "unaided_ms": 1_000,
    }


def test_a_handover_by_error_is_no_success_and_a_default_response_never_is() -> None:
    failed = ended(sink="HANDOVER", success=False, reason="timeout", turn_id="1")
    assert contribution_of("acme", entry(failed)).counts == {
        "executions": 1,
        "turns": 1,
        "handovers": 1,
        "turn_handovers": 1,
        "handovers_by_reason.timeout": 1,
    }
    assert "successes" not in contribution_of("acme", entry(ended(default_response=True))).counts


@pytest.mark.parametrize(
    "fields", [{"sink": "HANDOVER", "reason": "timeout"}, {"people_asked": 1}, {"stage": "suggest"}]
)
def test_an_execution_that_needed_a_person_is_not_unaided(fields: dict[str, object]) -> None:
    assert not {"unaided", "unaided_ms"} & contribution_of("acme", entry(ended(**fields))).counts.keys()


def test_an_execution_is_told_apart_by_its_stage_and_by_how_it_ended() -> None:
    def subject(**fields: object) -> tuple[str, str]:
        found = contribution_of("acme", entry(ended(**fields))).subject
        return found.stage, found.outcome

    assert subject() == ("auto", "finished")
    assert subject(stage="shadow", sink="HANDOVER", reason="customer_request") == ("shadow", "handed_over")
    assert subject(sink="HANDOVER", success=False, reason="timeout") == ("auto", "failed")
    assert subject(default_response=True) == ("auto", "failed")


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (MessageReceived(turn_id="1", text="x"), {"messages_received": 1, "messages_received_by_author.customer": 1}),
        (opened("h1"), {"handovers_opened": 1, "handovers_opened_by_reason.customer_request": 1}),
        (HandoverClaimed(handover_id="h", ownership_epoch=1, actor_id="a", agent_id="a"), {"handovers_claimed": 1}),
        (
            CompletionProduced(command_id="k", model="m/1", cost_microdollars=3, tokens_input=2),
            {
                "completions_produced": 1,
                "completions_by_model.m_1": 1,
                "completion_cost_microdollars": 3,
                "tokens_input": 2,
            },
        ),
        (
            CompletionFailed(command_id="k", error_class="timeout"),
            {
                "completions_failed": 1,
                "completions_by_model.unknown": 1,
                "completions_failed_by_error_class.timeout": 1,
            },
        ),
        (
            CostRecorded(
                entries=(
                    CostEntry(reservation_id="r", request_id="k", spent_microdollars=5, tool="shop.pay"),
                    CostEntry(reservation_id="s", request_id="l", spent_microdollars=-2, tool="shop.pay"),
                    CostEntry(reservation_id="t", request_id="m", spent_microdollars=9, model="m/1"),
                    CostEntry(reservation_id="u", request_id="n", spent_microdollars=0, tool="shop.look"),
                ),
                requests=(RequestRecord(request_id="m", source="http", cost_microdollars=9),),
            ),
            {
                "http_requests": 1,
                "http_cost_microdollars": 9,
                "tool_cost_microdollars": 3,
                "tool_cost_microdollars_by_tool.shop.pay": 3,
            },
        ),
        (KpiRecorded(kpi_id="o1", name="revenue"), {"kpi_messages": 1, "kpi_messages_by_name.revenue": 1}),
        (CloseConversation(), {}),
        (None, {}),
    ],
)
def test_a_message_outside_executions_counts_for_its_tenant(message: Message | None, counts: dict[str, int]) -> None:
    found = contribution_of("acme", entry(message))
    assert (found.subject, found.values) == (Subject("acme", "messages"), {})
    assert found.counts == counts


def test_everything_that_is_consumed_is_counted_or_kept() -> None:
    assert set(ANALYTICS.types) == {*COUNTED, type(ended()), EvaluationFinished}


def test_a_clock_that_ran_backwards_gives_no_negative_latency() -> None:
    assert contribution_of("acme", entry(ended(started_ms=9_000))).values["latency_ms"] == 0


def test_what_is_kept_of_an_execution_names_nobody() -> None:
    message = ended(output={"card": "4111"}, detail="4111", entity="4111", metadata={"card": "4111"})
    document = execution_document("acme", "c1", entry(message), message)
    assert "4111" not in str(document)
    assert (document["sequence"], execution_id("c1", message)) == (5, "x1")
    assert execution_id("c1", message.model_copy(update={"execution_id": None})) == "c1"
