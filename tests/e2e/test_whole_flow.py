"""Does a customer get from the AI to a person and back, and do inbox, analytics and traces tell the same story?"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.inbox_token import as_agent
from tests.support.otlp_receiver import Receiver, Span, otlp_receiver, traced
from tests.support.wait_until import wait_until
from tests.support.whole_system import SHOP, TENANT, WholeSystem, whole_system

from contracts.conversations import MessageSent, MessageSuppressed, SendMessage
from contracts.envelope import Identity
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverClaimed, OpenHandover
from hil.replay_model.script import Rule
from service_kit.bus import publish

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
COUNTED = SHOP.replace("name: shop", "name: counted")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with otlp_receiver() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> AsyncIterator[WholeSystem]:
    directory = tmp_path_factory.mktemp("system")
    async with whole_system(directory, environment=traced(receiver), workflows=(COUNTED,)) as running:
        yield running


async def handed_over(system: WholeSystem, key: str, text: str = "do transfer") -> OpenHandover:
    """A conversation that waits for a person, also in the inbox."""
    outcome = await system.ask(key, text)
    assert outcome.handover is not None
    path = f"/v1/handovers/{outcome.handover.handover_id}"

    async def listed() -> bool:
        return (await system.http("hil_inbox", path))[0] == 200

    await wait_until(listed)
    return outcome.handover


async def command(
    system: WholeSystem, handover: OpenHandover, word: str, *, actor: str, epoch: int, **fields: str
) -> tuple[int, Any]:
    """What a person does at the inbox; each actor does each thing once."""
    path, command_id = f"/v1/handovers/{handover.handover_id}/{word}", f"{actor}-{word}-{epoch}"
    return await system.http("hil_inbox", path, fields, command_id=command_id, more=as_agent(actor, epoch))


async def texts(system: WholeSystem, key: str) -> list[tuple[str, str]]:
    """(author, text) of all that AI and people said to the customer; not what the house announced."""
    found = [message for message in await system.messages(MessageSent, key) if isinstance(message, MessageSent)]
    return [(message.author, message.text) for message in found if message.author != "system"]


async def test_a_customer_is_passed_to_a_person_and_back_to_the_ai(system: WholeSystem) -> None:
    handover = await handed_over(system, "flow", "do append:flow-0 append:flow-1 transfer")
    assert handover.reason == "agent_request"
    status, shown = await system.http("hil_inbox", f"/v1/handovers/{handover.handover_id}")
    assert (status, shown["state"], shown["skills"]) == (200, "open", ["shop"])
    packet = shown["packet"]
    assert packet["ask"] == "do append:flow-0 append:flow-1 transfer"
    assert [(action["tool"], action["outcome"]) for action in packet["actions"]] == [
        ("shop.append", "completed"),
        ("shop.append", "completed"),
        ("desk.transfer", "completed"),
    ]
    assert all(sentence["cites"] for sentence in packet["summary"])
    _, waiting = await system.http("hil_inbox", "/v1/handovers?state=open")
    assert handover.handover_id in str(waiting)

    claims = await asyncio.gather(
        *(command(system, handover, "claim", actor=actor, epoch=0) for actor in ("ada", "grace"))
    )
    [(_, won), (lost_status, lost)] = sorted(claims, key=lambda claim: claim[0])
    assert [status for status, _ in sorted(claims, key=lambda claim: claim[0])] == [200, 409]
    assert (lost_status, lost["error"], lost["owner_id"]) == (409, "already_claimed", won["agent_id"])
    owner = won["agent_id"]

    await system.write("flow", "are you there?", turn="2")
    status, _ = await command(system, handover, "reply", actor=owner, epoch=1, text="A person here.")
    assert status == 202
    await wait_until(lambda: _sent(system, "flow", "A person here."))
    status, _ = await command(system, handover, "return", actor=owner, epoch=1, outcome="all is well")
    assert status == 200

    after = await system.ask("flow", "do append:flow-2", turn="3")
    assert [message.text for message in after.messages] == ["done: flow-2"]
    assert await texts(system, "flow") == [("human_agent", "A person here."), ("ai", "done: flow-2")]
    assert system.effects_of("flow") == ["flow-0", "flow-1", "flow-2"]
    assert len(await system.messages(HandoverClaimed, "flow")) == 1
    replayed = await system.hil("replay", "flow")
    assert (replayed.status, replayed.out.split()[-2:]) == (0, ["0", "differ"])


async def _sent(system: WholeSystem, key: str, text: str) -> bool:
    return text in [said for _, said in await texts(system, key)]


async def test_a_reply_under_an_old_epoch_is_refused_and_never_reaches_the_customer(system: WholeSystem) -> None:
    handover = await handed_over(system, "stale")
    assert (await command(system, handover, "claim", actor="ada", epoch=0))[0] == 200
    assert (await command(system, handover, "release", actor="ada", epoch=1))[0] == 200
    assert (await command(system, handover, "claim", actor="grace", epoch=2))[0] == 200
    status, refused = await command(system, handover, "reply", actor="ada", epoch=1, text="too late")
    assert (status, refused["error"], refused["owner_id"]) == (409, "not_owner", "grace")
    late = SendMessage(message_id="late", text="too late", author_id="ada", ownership_epoch=1)
    await publish(system.connection, late, Identity(TENANT, "stale", "late-from-the-bus", "late-from-the-bus"))
    await wait_until(lambda: system.messages(MessageSuppressed, "stale"))
    assert (await command(system, handover, "reply", actor="grace", epoch=3, text="in time"))[0] == 202
    await wait_until(lambda: _sent(system, "stale", "in time"))
    assert await texts(system, "stale") == [("human_agent", "in time")]
    [suppressed] = await system.messages(MessageSuppressed, "stale")
    assert isinstance(suppressed, MessageSuppressed)
    assert (suppressed.text, suppressed.ownership_epoch, suppressed.current_epoch) == ("too late", 1, 3)


async def test_the_ais_answer_after_a_person_took_over_is_kept_and_not_sent(system: WholeSystem) -> None:
    system.plan_faults(Rule(text="too late", delay_seconds=2))
    turn = await system.write("taken", "hello")
    await wait_until(lambda: _requested(system, "taken"))
    path, seen = f"/v1/conversations/{TENANT}/taken/claim", as_agent("ada", 0)
    status, _ = await system.http("hil_inbox", path, {}, command_id="take", more=seen)
    assert status == 200
    await wait_until(lambda: system.messages(ExecutionFinished, turn.key), timeout_seconds=20)
    assert await texts(system, "taken") == []
    [suppressed] = await system.messages(MessageSuppressed, "taken")
    assert isinstance(suppressed, MessageSuppressed)
    assert (suppressed.text, suppressed.reason) == ("too late", "stale_epoch")


async def _requested(system: WholeSystem, key: str) -> bool:
    found = [entry.message for entry in await system.log(key)]
    return any(message is not None and message.route.name == "completion.request" for message in found)


async def test_the_same_turn_again_gets_the_recorded_answer_and_no_second_effect(system: WholeSystem) -> None:
    first = await system.ask("again", "do append:again-0")
    second = await system.ask("again", "do append:again-0")
    assert [message.text for message in (*first.messages, *second.messages)] == ["done: again-0"] * 2
    assert system.effects_of("again") == ["again-0"]
    other = await system.ask("again", "something else")
    assert other.refused is not None
    assert other.refused.reason == "text_conflict"


async def test_analytics_counts_what_happened(system: WholeSystem) -> None:
    system.plan_faults(Rule(match="always fails", status=400, times=None))
    said = {
        "counted-1": "hello",
        "counted-2": "do append:counted-2-0",
        "counted-3": "do transfer",
        "counted-4": "always fails",
    }
    outcomes = [await system.ask(key, text, workflow="counted") for key, text in said.items()]
    cost = sum(outcome.finished.cost_microdollars for outcome in outcomes if outcome.finished)
    assert cost > 0

    async def counted() -> bool:
        _, summary = await system.http("analytics", "/v1/summary?workflow=counted")
        return bool(summary["total"]["executions"] == len(said))

    await wait_until(counted)
    _, summary = await system.http("analytics", f"/v1/summary?workflow=counted&tenant={TENANT}")
    figures = summary["workflows"]["counted"]
    assert (figures["executions"], figures["successes"], figures["handovers"], figures["turns"]) == (4, 3, 2, 4)
    assert (figures["success_rate"], figures["handover_rate"], figures["intervention_rate"]) == (0.75, 0.5, 0.5)
    assert (figures["cost_microdollars"], figures["cost_microdollars_per_execution"]) == (cost, cost / 4)
    assert 0 < figures["latency_ms_p50"] <= figures["latency_ms_p95"]
    status, known = await system.http("analytics", f"/v1/executions/{TENANT}/counted-2")
    assert status == 200
    assert [(found["sink"], found["workflow"]) for found in known["executions"]] == [("FINISH", "counted")]
    assert "append:counted-2-0" not in str(known), "analytics keeps nothing that a customer wrote"


async def test_a_turn_is_one_connected_trace_through_all_services(system: WholeSystem, receiver: Receiver) -> None:
    handover = await handed_over(system, "traced", "do append:traced-0 transfer")
    await wait_until(lambda: is_one_trace(receiver.of_key("traced")))
    spans = receiver.of_key("traced")
    headers = [entry.traceparent for entry in await system.log("traced") if entry.traceparent is not None]
    assert {header.split("-")[1] for header in headers} == {spans[0].trace_id}
    assert handover.packet.ask not in str(spans), "no span holds what a customer wrote"
    asked = [span.attributes["hil.candidates"] for span in spans if "hil.candidates" in span.attributes]
    assert asked and all(": answered" in one for one in asked), "a request's span says what became of each model"


def is_one_trace(spans: list[Span]) -> bool:
    """Every service took part, in one trace, and every span descends from the customer's message."""
    services = {"orchestrator", "llm-gateway", "tool-runner", "hil-inbox", "analytics"}
    handled = {span.name.removeprefix("process ") for span in spans}
    known = {span.span_id for span in spans}
    return (
        {span.service for span in spans} >= services
        and handled >= {"hil.evt.message.received.v1", "hil.cmd.tool_call.execute.v1", "hil.cmd.handover.open.v1"}
        and len({span.trace_id for span in spans}) == 1
        and len({span.parent_id for span in spans if span.parent_id not in known}) == 1
    )
