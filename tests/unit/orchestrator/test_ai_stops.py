"""Does the AI fall silent where somebody stopped it, and speak again afterwards?"""

import pytest
from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.executions import ExecutionFinished, Reason
from contracts.handovers import OpenHandover
from orchestrator.adapters.ai_stops import AiStops
from orchestrator.domain.replay import replay

PLAIN = flow(simple())
HANDED_OVER = ["handover.open", "execution.finished"]


def opened(log: SimulatedLog) -> OpenHandover:
    return [e.message for e in log.entries if isinstance(e.message, OpenHandover)][-1]


def differences(log: SimulatedLog) -> tuple[object, ...]:
    return replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences


@pytest.mark.parametrize("workflow", ["*", PLAIN.name])
def test_a_new_turn_of_a_stopped_workflow_goes_to_people_at_once(workflow: str) -> None:
    log = SimulatedLog(PLAIN, stops={workflow: "ana: wrong prices"})

    assert kinds(log.say("hi")) == HANDED_OVER
    assert (opened(log).reason, opened(log).detail) == (Reason.AI_STOPPED, "the AI is stopped by ana: wrong prices")
    end = log.entries[-1].message
    assert isinstance(end, ExecutionFinished) and end.success


def test_a_running_execution_ends_at_its_next_decision() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.stops = {"*": "ana"}

    assert kinds(log.produce({"reply": "wrong price"})) == HANDED_OVER
    assert opened(log).reason == Reason.AI_STOPPED


def test_other_workflows_go_on() -> None:
    log = SimulatedLog(PLAIN, stops={"another": "ana"})

    assert kinds(log.say("hi")) == ["completion.request"]


def test_once_the_stop_is_over_the_ai_goes_on_with_new_turns() -> None:
    log = SimulatedLog(PLAIN, stops={"*": "ana"})
    log.say("hi")
    log.stops = {}
    log.claim()
    log.resolve()

    assert kinds(log.say("hello again", "2")) == ["completion.request"]


def test_a_reply_that_is_out_is_no_reason_to_hand_over() -> None:
    """Between a reply and the end of its execution nothing is left to stop."""
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.produce({"reply": "hello"})
    log.stops = {"*": "ana"}

    assert log.wait(1_000) == []
    assert not [e for e in log.entries if isinstance(e.message, OpenHandover)]


def test_a_stop_is_in_the_decision_that_obeyed_it_and_replay_needs_no_bucket() -> None:
    log = SimulatedLog(PLAIN)
    log.say("hi")
    log.stops = {"*": "ana: why"}
    log.produce({"reply": "x"})
    log.stops = {}
    log.claim()
    log.resolve()
    log.say("again", "2")

    assert opened(log).based_on.ai_stop == "ana: why"
    assert differences(log) == ()


async def test_entries_of_the_bucket_come_and_go_by_tenant_and_queue() -> None:
    stops = AiStops()
    await stops.apply("acme.money", b'{"by": "ana", "at_ms": 1, "reason": "why", "workflows": ["refunds"]}')
    await stops.apply("acme.all", b'{"by": "bob", "workflows": ["*", "refunds"]}')
    await stops.apply("other.all", b'{"by": "eve", "workflows": ["*"]}')
    assert stops.of("acme") == {"*": "bob", "refunds": "bob"}

    await stops.apply("acme.all", None)
    assert (stops.of("acme"), stops.of("other"), stops.of("none")) == ({"refunds": "ana: why"}, {"*": "eve"}, {})


@pytest.mark.parametrize("value", [b"", b"{}", b'{"by": "", "workflows": ["*"]}', b'{"by": "ana", "workflows": []}'])
async def test_an_entry_that_cannot_be_read_changes_nothing(value: bytes) -> None:
    stops = AiStops()
    await stops.apply("acme.all", b'{"by": "bob", "workflows": ["*"]}')
    await stops.apply("acme.all", value)

    assert stops.of("acme") == {"*": "bob"}
