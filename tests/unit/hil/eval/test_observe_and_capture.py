"""What does a log tell of a trial, and what becomes a case of it?"""

from collections.abc import Sequence

import pytest

from contracts.completions import CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.executions import ExecutionFinished, StartExecution
from contracts.handovers import HandoverPacket, OpenHandover
from contracts.tool_calls import ExecuteToolCall, ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown
from hil.eval.capture import NotCaptured, captured
from hil.eval.judge_case import failures_of
from hil.eval.observe import observe
from pii import redact

DECIDED = BasedOn(now_ms=1, fence=0)
OPEN = OpenHandover(
    based_on=DECIDED, handover_id="h", turn_id="2", reason="policy", packet=HandoverPacket(reason="policy")
)
NO_READS: frozenset[str] = frozenset()


def end(turn_id: str | None, sink: str = "FINISH", **fields: object) -> ExecutionFinished:
    common = {"based_on": DECIDED, "success": True, "mode": "conversation", "workflow": "w", "version": "1"}
    times = {"started_ms": 1_000, "finished_ms": 1_500, "cost_microdollars": 70}
    return ExecutionFinished.model_validate({**common, **times, "sink": sink, "turn_id": turn_id, **fields})


def call(id_: str, tool: str, attempt: int = 1, **arguments: object) -> ExecuteToolCall:
    fields = {"based_on": DECIDED, "node": "n", "tool_call_id": id_, "idempotency_key": f"i{id_}", "attempt": attempt}
    return ExecuteToolCall.model_validate({**fields, "tool": tool, "arguments": arguments})


def says(turn_id: str, text: str) -> MessageReceived:
    return MessageReceived(turn_id=turn_id, text=text)


def log(*messages: Message | None) -> Sequence[LogEntry]:
    """Commands have ids of their tool call and attempt."""
    return [LogEntry(n, n, _id_of(message) or str(n), message, 1) for n, message in enumerate(messages, start=1)]


def _id_of(message: Message | None) -> str | None:
    return f"{message.tool_call_id}/{message.attempt}" if isinstance(message, ExecuteToolCall) else None


CONVERSATION = log(
    says("1", "I am at ada@example.com, send order 7 back"),
    CompletionProduced(command_id="c", text="x"),
    CompletionProduced(command_id="d", text="x", cache="exact"),
    call("t1", "shop.look", order=7),
    ToolCallCompleted(command_id="t1/1", tool_call_id="t1", tool="shop.look"),
    call("t2", "shop.send_back", attempt=1, order=7, mail="ada@example.com"),
    call("t2", "shop.send_back", attempt=2, order=7, mail="ada@example.com"),
    ToolCallCompleted(command_id="t2/2", tool_call_id="t2", tool="shop.send_back", is_error=True),
    call("t3", "shop.pay"),
    ToolCallFailed(command_id="t3/1", tool_call_id="t3", tool="shop.pay", error_class="denied"),
    call("t4", "shop.tell"),
    ToolCallOutcomeUnknown(command_id="t4/1", tool_call_id="t4", tool="shop.tell"),
    MessageSent(based_on=DECIDED, message_id="m", turn_id="1", text="Done."),
    end("1"),
    says("2", "a person please"),
    OPEN,
    end("2", "HANDOVER", reason="policy", replayed=True, default_response=True),
    MessageSent(based_on=DECIDED, message_id="p", text="I am Bob.", author="human_agent"),
    ConversationRated(rating=4),
    None,
)


def test_a_conversation_is_told_by_its_log() -> None:
    seen = observe(CONVERSATION)
    assert (seen.sink, seen.reason, seen.replies, seen.rating) == ("HANDOVER", "policy", ("Done.",), 4)
    assert [(one.tool, one.outcome) for one in seen.tool_calls] == [
        ("shop.look", "completed"),
        ("shop.send_back", "error"),
        ("shop.pay", "denied"),
        ("shop.tell", "outcome_unknown"),
    ]
    assert (seen.completions, seen.cached, seen.versions) == (2, 1, {"1"})
    assert [(one.sink, one.success, one.latency_ms, one.replayed) for one in seen.executions] == [
        ("FINISH", True, 500, False),
        ("HANDOVER", False, 500, True),
    ]
    scope = seen.scope()
    assert (scope["reply"], scope["cost_usd"], scope["latency_ms"]) == ("Done.", 0.00014, 500)


def test_a_handover_without_its_packet_is_no_outcome_but_standalone_needs_none() -> None:
    assert observe(log(says("2", "x"), end("2", "HANDOVER"))).sink is None
    assert observe(log(end(None, "HANDOVER", mode="standalone"))).sink == "HANDOVER"
    assert observe(log()).scope()["reply"] == ""


def test_what_happened_becomes_a_case_without_personal_data() -> None:
    found = captured("c.42", CONVERSATION, redact, reads=frozenset({"shop.look"}))
    assert found.workflow == "w"
    assert found.case.id == "c_42"
    assert found.case.turns == ["I am at [REDACTED_EMAIL], send order 7 back", "a person please"]
    assert (found.case.expected_sink, found.case.expected_reason) == ("HANDOVER", "policy")
    assert [(one.tool, one.arguments) for one in found.case.tool_calls] == [("shop.send_back", {"order": 7})]
    assert found.masked == 2
    assert "ada@" not in found.case.model_dump_json()


def test_an_execution_becomes_a_case_with_its_input_and_effects_are_counted() -> None:
    start = StartExecution(workflow="w", input={"mail": "ada@example.com", "list": [{"n": 1}, "x"]})
    paid = [call("a", "shop.pay"), call("b", "shop.pay")]
    done = [
        ToolCallCompleted(command_id=f"{one.tool_call_id}/1", tool_call_id=one.tool_call_id, tool="shop.pay")
        for one in paid
    ]
    found = captured("e1", log(start, *paid, *done, end(None, mode="standalone")), redact, reads=NO_READS)
    assert found.case.input == {"mail": "[REDACTED_EMAIL]", "list": [{"n": 1}, "x"]}
    assert [(one.tool, one.times) for one in found.case.tool_calls] == [("shop.pay", 2)]


@pytest.mark.parametrize(
    ("entries", "said"), [(log(says("1", "hello")), "has not ended"), (log(end("1")), "neither a customer's message")]
)
def test_what_could_not_be_played_again_is_refused(entries: Sequence[LogEntry], said: str) -> None:
    with pytest.raises(NotCaptured, match=said):
        captured("c1", entries, redact, reads=NO_READS)


def test_one_message_is_a_text() -> None:
    assert captured("c1", log(says("1", "hello"), end("1")), redact, reads=NO_READS).case.text == "hello"


def test_a_call_of_another_turn_under_the_same_id_has_an_outcome_of_its_own() -> None:
    def pay(number: int) -> ExecuteToolCall:
        return call("pay", "shop.pay", attempt=number, order=number).model_copy(
            update={"idempotency_key": f"k{number}"}
        )

    paid = ToolCallCompleted(command_id="pay/1", tool_call_id="pay", tool="shop.pay")
    denied = ToolCallFailed(command_id="pay/2", tool_call_id="pay", tool="shop.pay", error_class="denied")
    seen = observe(log(says("1", "x"), pay(1), paid, end("1"), says("2", "y"), pay(2), denied, end("2")))
    assert [(one.arguments, one.outcome) for one in seen.tool_calls] == [
        ({"order": 1}, "completed"),
        ({"order": 2}, "denied"),
    ]


def test_what_was_said_to_a_person_is_no_turn_of_the_case() -> None:
    found = captured("c1", [*CONVERSATION, *log(says("3", "and to you, Bob"))], redact, reads=NO_READS)
    assert found.case.turns is not None and found.case.turns[-1] == "a person please"


def test_a_captured_case_passes_on_its_own_conversation() -> None:
    calls = [call("a", "shop.pay", order=7), call("b", "shop.pay", order=7, note="x"), call("c", "shop.pay", order=8)]
    done = [
        ToolCallCompleted(command_id=f"{one.tool_call_id}/1", tool_call_id=one.tool_call_id, tool="shop.pay")
        for one in calls
    ]
    entries = log(says("1", "pay"), *calls, *done, end("1"))
    case = captured("c1", entries, redact, reads=NO_READS).case
    assert [(one.arguments, one.times) for one in case.tool_calls] == [
        ({"order": 7}, 2),
        ({"order": 7, "note": "x"}, 1),
        ({"order": 8}, 1),
    ]
    assert list(failures_of(case, observe(entries))) == []
