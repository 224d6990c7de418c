"""Do human agents get the drafts that they ask for, one at a time, and only while they own the conversation?"""

from typing import Any

import pytest
from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.conversations import MessageSent
from contracts.suggestions import OfferSuggestion
from orchestrator.domain.replay import replay
from orchestrator.domain.return_packet import HEADING
from orchestrator.domain.suggestion_rules import DEFAULT_PROMPT

HIL = {"customer_request_phrases": ["human"]}
PLAIN = flow(simple(), hil=HIL)
ASKED = ["completion.request"]
OFFERED = ["suggestion.offer"]


def claimed(**blocks: Any) -> SimulatedLog:
    log = SimulatedLog(flow(simple(), **{"hil": HIL, **blocks}))
    log.say("I want a human", entity="customer-7")
    log.claim("ana")
    return log


def request(log: SimulatedLog) -> RequestCompletion:
    return [e.message for e in log.entries if isinstance(e.message, RequestCompletion)][-1]


def offers(log: SimulatedLog) -> list[tuple[str, str, str]]:
    found = (e.message for e in log.entries if isinstance(e.message, OfferSuggestion))
    return [(offer.suggestion_id, offer.text, offer.error) for offer in found]


def test_a_draft_is_asked_for_once_and_offered() -> None:
    log = claimed()

    assert kinds(log.ask_for_draft()) == ASKED
    assert log.ask_for_draft() == []
    assert kinds(log.produce("Hello, how can I help?")) == OFFERED
    assert log.ask_for_draft() == []
    assert offers(log) == [("s1", "Hello, how can I help?", "")]
    assert not [e for e in log.entries if isinstance(e.message, MessageSent)]
    assert log.state.drafts == {} and log.plan.wake_ms is None


def test_a_draft_is_written_from_the_conversation_with_the_default_prompt() -> None:
    log = claimed()
    log.human_says("I am Ana")
    log.ask_for_draft(instruction="Offer a refund.")

    asked = request(log)
    assert (asked.profile, asked.entity, asked.workflow, asked.caps) == ("balanced", "customer-7", "flow", ())
    assert [m.content for m in asked.messages] == [
        DEFAULT_PROMPT,
        "The agent wants of this draft: Offer a refund.",
        "The conversation:\n\ncustomer: I want a human\n\nhuman_agent: I am Ana",
    ]


def test_the_workflow_says_how_drafts_are_written_and_what_they_may_cost() -> None:
    rules = {"profile": "fast", "prompt": "Be brief.", "timeout_ms": 9_000}
    log = claimed(hil={**HIL, "suggestions": rules}, limits={"max_cost": 0.05})
    log.ask_for_draft()

    asked = request(log)
    assert (asked.profile, asked.messages[0].content, asked.timeout_ms) == ("fast", "Be brief.", 9_000)
    assert [(cap.scope, cap.id, cap.cap_microdollars) for cap in asked.caps] == [
        ("execution", asked.execution_id, 50_000)
    ]


def test_what_people_left_before_is_in_the_draft_too() -> None:
    log = claimed()
    log.return_with(not_again=["No refund."])
    log.claim("ana")
    log.ask_for_draft()

    assert any(m.content.startswith(HEADING) and "No refund." in m.content for m in request(log).messages)


@pytest.mark.parametrize(("fields", "why"), [({"epoch": 0}, "stale_epoch"), ({"actor_id": "bob"}, "not_owner")])
def test_who_does_not_own_the_conversation_gets_no_draft(fields: dict[str, Any], why: str) -> None:
    log = claimed()

    assert kinds(log.ask_for_draft(**fields)) == OFFERED
    assert offers(log) == [("s1", "", why)]


def test_a_draft_for_somebody_who_has_left_is_no_draft() -> None:
    log = claimed()
    log.ask_for_draft()
    late = log.open_commands()[0][0]

    assert kinds(log.claim("bob")) == OFFERED
    assert log.put(CompletionProduced(command_id=late, text="too late")) == []
    assert offers(log) == [("s1", "", "stale_epoch")]


def test_a_failure_and_a_timeout_are_told() -> None:
    log = claimed()
    log.ask_for_draft("s1")
    log.fail("rate_limited", detail="try later")
    log.ask_for_draft("s2")
    assert kinds(log.wait()) == OFFERED
    log.ask_for_draft("s3")
    log.produce(" ")

    assert offers(log) == [
        ("s1", "", "rate_limited: try later"),
        ("s2", "", "timeout"),
        ("s3", "", "the model wrote nothing"),
    ]


def test_drafts_are_written_one_at_a_time_and_three_may_wait() -> None:
    log = claimed()
    assert kinds(log.ask_for_draft("s0")) == ASKED
    for number in (1, 2, 3):
        assert log.ask_for_draft(f"s{number}") == []
    assert kinds(log.ask_for_draft("s4")) == OFFERED
    assert offers(log) == [("s1", "", "superseded")]

    assert kinds(log.produce("zero")) == ["suggestion.offer", "completion.request"]
    for text in ("two", "three", "four"):
        log.produce(text)
    assert [(offered, text) for offered, text, _ in offers(log)][1:] == [
        ("s0", "zero"),
        ("s2", "two"),
        ("s3", "three"),
        ("s4", "four"),
    ]


def test_a_draft_does_not_touch_an_execution_that_is_still_going_on() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.claim("ana")
    log.ask_for_draft()

    late, draft = (command_id for command_id, _ in log.open_commands())
    log.focus = late
    assert kinds(log.produce({"reply": "late"})) == ["message.suppressed", "execution.finished"]
    log.focus = draft
    assert kinds(log.produce("for Ana")) == OFFERED
    assert offers(log) == [("s1", "for Ana", "")]


def test_a_conversation_without_a_workflow_has_no_drafts() -> None:
    log = SimulatedLog(PLAIN)
    log.claim("ana")

    assert kinds(log.ask_for_draft()) == OFFERED
    assert offers(log) == [("s1", "", "no_workflow")]


def test_drafts_are_decided_again_on_replay() -> None:
    log = claimed()
    log.ask_for_draft("s1")
    log.ask_for_draft("s2")
    log.produce("one")
    log.wait()
    log.ask_for_draft("s3", actor_id="bob")
    log.ask_for_draft("s4")
    log.claim("bob")

    assert replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences == ()
