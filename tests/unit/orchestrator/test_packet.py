"""Does a handover's packet hold what a human agent needs, and nothing that the log does not say?"""

from tests.support.flows import flow, reasoning, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog

from contracts.conversations import MessageReceived
from contracts.envelope import LogEntry
from contracts.executions import Reason, StopExecution
from contracts.handovers import HandoverPacket, OpenHandover
from contracts.tool_calls import ToolCallCompleted
from orchestrator.domain.fold import fold
from orchestrator.domain.fold_decisions import CALLS_MAX


def packet(log: SimulatedLog) -> HandoverPacket:
    return [e.message.packet for e in log.entries if isinstance(e.message, OpenHandover)][-1]


def with_actions() -> SimulatedLog:
    """One iteration with a call of every outcome."""
    log = SimulatedLog(flow(reasoning(limits={"max_retries": 2})))
    log.say("My order is late", entity="customer-7")
    names = ("shop.done", "shop.error", "shop.failed", "shop.unknown", "shop.pending")
    log.call_tools(*((name, {"order": "W7"}) for name in names))
    log.tool_result({"ok": True})
    log.tool_result("not found", is_error=True)
    log.tool_fails("denied", detail="not yours")
    log.tool_unknown()
    log.tool_held()
    log.verdict("reject", reason="no")
    return log


def test_every_sentence_of_the_summary_cites_messages_or_calls_that_exist() -> None:
    log = with_actions()

    known = {e.id for e in log.entries} | {action.id for action in packet(log).actions}
    assert packet(log).summary
    assert all(sentence.cites and set(sentence.cites) <= known for sentence in packet(log).summary)


def test_actions_are_listed_with_their_outcomes() -> None:
    assert [(a.tool, a.outcome, a.result) for a in packet(with_actions()).actions] == [
        ("shop.done", "completed", {"ok": True}),
        ("shop.error", "error", "not found"),
        ("shop.failed", "failed", "denied: not yours"),
        ("shop.unknown", "unknown", "cut by a crash"),
        ("shop.pending", "pending", None),
    ]


def test_an_action_is_listed_once_with_what_came_of_its_last_attempt() -> None:
    log = SimulatedLog(flow(reasoning(), hil={"transfer_tools": ["shop.transfer"]}))
    log.say("hi")
    log.call_tools(("shop.transfer", {}))
    log.tool_fails("timeout", retryable=True)
    log.wait()
    log.tool_result("ok")

    assert [(a.id, a.outcome) for a in packet(log).actions] == [("call0", "completed")]


def test_an_action_says_when_it_was_asked_for_and_when_its_outcome_came() -> None:
    log = SimulatedLog(flow(reasoning()))
    log.say("hi")
    log.call_tools(("shop.look", {}), ("shop.pay", {"cents": 5}))
    asked_ms = log.now_ms
    log.wait(700)
    log.tool_result("seen")
    log.wait(300)
    log.tool_unknown()

    assert [(a.tool, a.asked_ms - asked_ms, a.ended_ms) for a in packet(log).actions] == [
        ("shop.look", 0, asked_ms + 700),
        ("shop.pay", 0, asked_ms + 1_000),
    ]
    assert [a.ended_ms is None for a in packet(with_actions()).actions] == [False] * 4 + [True]


def test_the_ask_the_entity_and_the_transcript_are_the_customers() -> None:
    found = packet(with_actions())

    assert (found.ask, found.entity) == ("My order is late", "customer-7")
    assert [(line.author, line.text) for line in found.transcript] == [("customer", "My order is late")]
    assert found.transcript_is_complete


def test_the_transcript_is_the_newest_fifty_lines() -> None:
    log = SimulatedLog(flow(simple(), hil=ASKS, limits={"turns_per_minute": 100}))
    for number in range(30):
        log.say(f"message {number}", str(number))
        log.produce({"reply": f"answer {number}"})
    log.say("a human please", "last")

    found = packet(log)
    assert (len(found.transcript), found.transcript_is_complete) == (50, False)
    assert (found.transcript[0].text, found.transcript[-1].text) == ("answer 5", "a human please")


def test_actions_of_earlier_turns_are_kept_up_to_a_bound() -> None:
    log = SimulatedLog(flow(reasoning(), hil=ASKS, limits={"turns_per_minute": 100, "turns_queued": 100}))
    for number in range(CALLS_MAX + 1):
        log.say("look", str(number))
        log.call_tools(("shop.look", {"n": number}))
        log.tool_result("seen")
        log.produce("ok")
    log.say("a human please", "last")

    assert [a.arguments["n"] for a in packet(log).actions] == list(range(1, CALLS_MAX + 1))


def test_facts_that_people_found_and_the_summary_so_far_are_in_the_packet() -> None:
    log = SimulatedLog(flow(simple(), hil=ASKS, limits={"context_tokens": 2_000}))
    log.say("a human please", "0")
    log.claim()
    log.give_back(order="W7")
    for number in ("1", "2"):
        log.say(number + "x" * 4_000, number)
        log.produce({"reply": "ok"})
    log.say("go on", "3")
    log.produce("All about W7.")
    log.produce({"reply": "ok then"})
    log.say("a human please", "4")

    found = packet(log)
    assert found.facts == {"order": "W7"}
    assert found.summary[0].text == "All about W7."
    known = {e.id for e in log.entries}
    assert set(found.summary[0].cites) <= known


def test_the_cost_so_far_is_in_the_packet() -> None:
    log = SimulatedLog(flow(simple(limits={"max_retries": 1})))
    log.say("hi")
    log.fail(cost_microdollars=12)

    assert packet(log).cost_microdollars == 12


def test_the_summary_goes_from_the_situation_over_what_was_done_to_what_is_open() -> None:
    found = packet(with_actions()).summary

    assert [sentence.section for sentence in found] == [
        "situation",
        "situation",
        "done",
        "done",
        "done",
        "open",
        "open",
    ]
    assert not any(sentence.is_machine_text for sentence in found)


def test_what_the_customer_wrote_meanwhile_is_open() -> None:
    log = SimulatedLog(flow(simple(), hil=ASKS))
    log.say("hi", "1")
    log.append(MessageReceived(turn_id="2", text="are you there?"), id="later")
    log.stops = {"*": "ana"}
    log.produce({"reply": "x"})

    assert [(s.text, s.cites) for s in packet(log).summary if s.section == "open"] == [
        ("The customer also wrote: are you there?", ("later",))
    ]


def test_the_packet_says_where_it_comes_from() -> None:
    log = with_actions()
    origin, opened = packet(log).origin, [e for e in log.entries if isinstance(e.message, OpenHandover)][-1]

    assert origin is not None and isinstance(opened.message, OpenHandover)
    assert (origin.tenant, origin.conversation, origin.handover_id) == (TENANT, KEY, opened.message.handover_id)
    assert (origin.execution_id, origin.trigger_id) == (opened.message.execution_id, log.entries[0].id)
    assert origin.as_of_seq == opened.sequence - 1
    assert (origin.workflow, origin.workflow_version, origin.workflow_hash) == ("flow", "1.0.0", log.flow.content_hash)


def test_the_packet_names_the_model_of_the_newest_answer_and_the_trace_of_the_message() -> None:
    log = SimulatedLog(flow(simple(), hil={**ASKS, "confidence_min": 0.9}))
    trace = "0af7651916cd43dd8448eb211c80319c"
    message = MessageReceived(turn_id="1", text="hi")
    log.state = fold(log.state, LogEntry(1, log.now_ms, "traced", message, 10, f"00-{trace}-b7ad6b7169203331-01"))
    log.entries.append(LogEntry(1, log.now_ms, "traced", message, 10))
    log.settle()
    log.produce({"reply": "maybe", "confidence": 0.1}, model="m-1")

    origin = packet(log).origin
    assert origin is not None and (origin.trace_id, origin.model) == (trace, "m-1")


def test_an_unsure_answer_is_the_suggested_reply() -> None:
    log = SimulatedLog(flow(simple(), hil={"confidence_min": 0.9}))
    log.say("hi")
    log.produce({"reply": "You get 5 back.", "confidence": 0.5})

    found = packet(log)
    assert (found.suggested_reply, found.reason) == ("You get 5 back.", Reason.LOW_CONFIDENCE)
    assert found.decision_needed == "Is the AI's answer right, and may it be said?"
    assert packet(with_actions()).suggested_reply == ""


def test_the_customer_is_what_the_client_application_said_and_nothing_else() -> None:
    log = SimulatedLog(flow(simple(), hil=ASKS))
    log.say(
        "hi", "1", entity="c7", locale="de", metadata={"name": "Eva", "channel": "web", "tier": 3, "verified": True}
    )
    log.produce({"reply": "hello"})
    log.say("a human please", "2", entity="c7", metadata={"channel": "mail"})

    customer = packet(log).customer
    assert customer is not None
    assert customer.model_dump(exclude_none=True) == {
        "id": "c7",
        "language": "de",
        "name": "Eva",
        "channel": "mail",
        "verified": True,
    }
    assert packet(told("a human please")).customer is None


def test_facts_have_their_source_and_promises_are_kept() -> None:
    log = told("a human please")
    log.claim()
    log.return_with(facts={"order": "W7"}, promises=["Ana calls."], not_again=["No refund."])
    log.say("a human please", "2")

    found = packet(log)
    assert [(f.name, f.value, f.source, f.source_id, f.at_ms, f.confidence) for f in found.known_facts] == [
        ("order", "W7", "human_agent", "ana", log.now_ms, None)
    ]
    assert (found.promises, found.not_again) == (("Ana calls.",), ("No refund.",))
    assert found.control is not None and found.control.ownership_epoch == 2


def test_open_approvals_are_told_and_cited() -> None:
    log = SimulatedLog(flow(reasoning()))
    log.say("pay")
    log.call_tools(("shop.pay", {"cents": 5}))
    log.tool_held()
    log.put(StopExecution(reason="enough"))

    [approval], [action] = packet(log).approvals, packet(log).actions
    assert (approval.tool, approval.kind, approval.node) == ("shop.pay", "tool_call", "answer")
    assert (action.outcome, action.arguments_hash) == ("pending", "abc")
    assert any(approval.id in sentence.cites for sentence in packet(log).summary)


def told(text: str) -> SimulatedLog:
    log = SimulatedLog(flow(simple(), hil=ASKS))
    log.say(text)
    return log


ASKS = {"customer_request_phrases": ["human please"]}


def test_a_result_that_comes_after_the_end_of_its_execution_is_in_the_next_packet() -> None:
    log = SimulatedLog(flow(reasoning(limits={"timeout_ms": 1_000, "max_retries": 1}), hil=ASKS))
    log.say("pay", "1")
    log.call_tools(("shop.pay", {}))
    late = log.open_commands()[0][0]
    log.wait()
    log.produce("It may take a while.")
    done = {"command_id": late, "tool_call_id": "call0", "tool": "shop.pay", "result": "paid"}
    log.put(ToolCallCompleted.model_validate(done))
    log.say("a human please", "2")

    assert [(a.tool, a.outcome) for a in packet(log).actions] == [("shop.pay", "completed")]
