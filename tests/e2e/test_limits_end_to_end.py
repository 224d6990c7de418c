"""Does each limit end a conversation as its workflow declares, and does bad input end in a clear refusal?"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import nats.errors
import pytest
import pytest_asyncio
from tests.support.wait_until import wait_until
from tests.support.whole_system import TENANT, WholeSystem, whole_system

from contracts.budgets import BudgetExhausted
from contracts.conversations import MessageReceived, MessageSent
from contracts.executions import ExecutionFinished
from hil.embedded.plan import AllInThisProcess
from hil.replay_model.script import Rule
from hil.turns import Turn, TurnOutcome, send_turn, wait_for_turn
from service_kit.connection import Refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
READERS = {"orchestrator", "hil-inbox", "analytics"}
FLOW = """
name: {name}
version: 1.0.0
limits: {{{limits}}}
workflow:
  nodes:
    - {{id: answer, type: reasoning, prompt: Answer., tools: [shop.*], {node}}}
    {standin}
    - {{id: FINISH, type: sink, action: finish_conversation, reply: answer.output.text || answer.output}}
    - {{id: HANDOVER, type: sink, action: handover_to_human}}
  edges:
    - {{from: answer, to: FINISH}}
hil: {{customer_request_phrases: []}}
"""
SIMPLY = """- {id: simply, type: rule, expression: "'as simple as it gets'"}"""


def flow(name: str, *, limits: str = "deadline_ms: 60000", node: str = "temperature: 0", standin: str = "") -> str:
    """A workflow with one agent, and a node that stands in for it."""
    return FLOW.format(name=name, limits=limits, node=node, standin=standin)


TINY = "max_cost: 0.000001"
QUICK = "limits: {timeout_ms: 5000, max_retries: 1}"
WORKFLOWS = (
    flow("broke", limits=TINY),
    flow("frugal", node=f"limits: {{{TINY}}}, fallback: simply", standin=SIMPLY),
    flow("polite", node=f'{QUICK}, default_response: "A colleague will write to you."'),
    flow("hurried", limits="deadline_ms: 1000", node="limits: {timeout_ms: 3000}"),
    flow("short", node="limits: {max_iterations: 2}"),
    flow("calm", limits="turns_per_minute: 2"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    directory = tmp_path_factory.mktemp("system")
    async with whole_system(directory, layout=AllInThisProcess(), workflows=WORKFLOWS) as running:
        yield running


@pytest.fixture
def system(shared: WholeSystem) -> Iterator[WholeSystem]:
    """The same system, with a model that has no faults at the end."""
    yield shared
    shared.plan_faults()


def ending(outcome: TurnOutcome) -> tuple[str, str | None, bool]:
    """(sink, reason, success)"""
    assert outcome.finished is not None
    return outcome.finished.sink, outcome.finished.reason, outcome.finished.success


async def test_a_budget_that_is_too_small_calls_no_model_and_hands_over(system: WholeSystem) -> None:
    before = len(system.model.received)
    outcome = await system.ask("broke", "hello", workflow="broke")
    assert ending(outcome) == ("HANDOVER", "budget_exceeded", False)
    assert outcome.messages == ()
    [exhausted] = await system.messages(BudgetExhausted, "broke")
    assert isinstance(exhausted, BudgetExhausted)
    assert (exhausted.scope, exhausted.cap_microdollars, exhausted.spent_microdollars) == ("execution", 1, 0)
    assert len(system.model.received) == before


async def test_a_fallback_stands_in_for_a_node_whose_budget_is_spent(system: WholeSystem) -> None:
    outcome = await system.ask("frugal", "hello", workflow="frugal")
    assert ending(outcome)[0] == "FINISH"
    assert [message.text for message in outcome.messages] == ["as simple as it gets"]
    assert len(await system.messages(BudgetExhausted, "frugal")) == 1


async def test_a_default_response_is_sent_once_then_a_person_takes_over_and_it_is_no_success(
    system: WholeSystem,
) -> None:
    system.plan_faults(Rule(status=500, times=None))
    outcome = await system.ask("polite", "hello", workflow="polite")
    assert ending(outcome) == ("HANDOVER", "max_retries_exceeded", False)
    assert outcome.finished is not None
    assert outcome.finished.default_response
    assert [(message.kind, message.text) for message in outcome.messages] == [
        ("default_response", "A colleague will write to you.")
    ]
    assert outcome.handover is not None


async def test_a_deadline_ends_an_execution_that_a_model_holds_up(system: WholeSystem) -> None:
    system.plan_faults(Rule(never=True, times=None))
    outcome = await system.ask("hurried", "hello", workflow="hurried")
    assert ending(outcome) == ("HANDOVER", "deadline_exceeded", False)


async def test_an_agent_that_goes_on_and_on_is_stopped(system: WholeSystem) -> None:
    outcome = await system.ask("short", "do append:short-0 append:short-1 append:short-2", workflow="short")
    assert ending(outcome) == ("HANDOVER", "max_iterations_exceeded", False)
    assert len(system.effects_of("short")) <= 2


async def test_a_customer_who_floods_is_told_so(system: WholeSystem) -> None:
    outcomes = [await system.ask("flood", "hello", workflow="calm", turn=str(turn)) for turn in range(4)]
    refused = [outcome.refused.reason for outcome in outcomes if outcome.refused is not None]
    assert refused == ["flood"] * 2


async def test_an_unknown_workflow_is_refused_by_name(system: WholeSystem) -> None:
    outcome = await system.ask("nowhere", "hello", workflow="nowhere")
    assert outcome.refused is not None
    assert outcome.refused.reason == "unknown_workflow"
    assert await system.messages(MessageSent, "nowhere") == []


@pytest.mark.parametrize(
    ("key", "version", "body", "reason"),
    [
        ("malformed", "v1", b'{"turn_id": "1", "te', "JSON"),
        ("nothing", "v1", b"", "JSON"),
        ("not-utf-8", "v1", b'{"turn_id": "1", "text": "\xff\xfe"}', ""),
        ("no-turn", "v1", b'{"text": "hello"}', "turn_id"),
        ("unknown-version", "v9", b'{"turn_id": "1", "text": "hello"}', "v9"),
        ("too-large", "v1", json.dumps({"turn_id": "1", "text": "hello", "x": "a" * 300_000}).encode(), "262144"),
    ],
)
async def test_bad_messages_become_dead_letters_and_the_next_one_is_answered(
    system: WholeSystem, key: str, version: str, body: bytes, reason: str
) -> None:
    subject = f"hil.evt.message.received.{version}.{TENANT}.{key}"
    await system.connection.publish_surely(subject, body, headers={})

    async def buried() -> bool:
        return {letter.service for letter in await system.dead_letters() if letter.subject == subject} == READERS

    await wait_until(buried)
    letters = [letter for letter in await system.dead_letters() if letter.subject == subject]
    assert all(reason in letter.reason for letter in letters), letters
    after = await system.ask(key, "hello", turn="2")
    assert [message.text for message in after.messages] == ["you said: hello"]


async def test_what_the_server_itself_refuses_has_a_clear_error(system: WholeSystem) -> None:
    with pytest.raises(Refused, match="503"):
        await asyncio.wait_for(
            system.connection.publish(f"hil.evt.message.received.v1.{TENANT}", b"{}", headers={}), timeout=5
        )
    client = system.connection.client
    with pytest.raises(nats.errors.MaxPayloadError):
        await client.publish(f"hil.evt.message.received.v1.{TENANT}.huge", b"a" * 1_100_000)
    assert (await system.ask("after-refusals", "hello")).messages[0].text == "you said: hello"


async def test_a_client_whose_clock_is_wrong_is_answered(system: WholeSystem) -> None:
    body = json.dumps({"turn_id": "1", "text": "hello"}).encode()
    headers = {"ce-id": "skewed-1", "ce-time": "1971-01-01T00:00:00Z", "ce-specversion": "1.0"}
    await system.connection.publish_surely(f"hil.evt.message.received.v1.{TENANT}.skewed", body, headers=headers)
    await wait_until(lambda: system.messages(ExecutionFinished, "skewed"))
    [finished] = await system.messages(ExecutionFinished, "skewed")
    assert isinstance(finished, ExecutionFinished)
    assert finished.sink == "FINISH"


@pytest.mark.parametrize(
    ("key", "body", "status", "said"),
    [
        ("http", b'{"turn_id": "1", "te', 422, "JSON"),
        ("http", b'{"text": "hello"}', 422, "turn_id"),
        ("http", b'{"turn_id": "1", "text": "\xff"}', 422, ""),
        ("http", json.dumps({"turn_id": "1", "text": "a" * 70_000}).encode(), 422, "65536"),
        ("http", b'{"turn_id": "1", "text": "' + b"a" * 300_000 + b'"}', 413, "262144"),
        ("http", b'{"turn_id": "1", "text": "' + b"a" * 1_100_000 + b'"}', 413, "262144"),
        ("a.b", b'{"turn_id": "1", "text": "hello"}', 422, "a.b"),
        ("%20", b'{"turn_id": "1", "text": "hello"}', 422, "conversation"),
    ],
    ids=["malformed", "no-turn", "not-utf-8", "long", "over-256-KiB", "over-1-MiB", "bad-key", "empty-key"],
)
async def test_bad_requests_are_refused_with_the_reason(
    system: WholeSystem, key: str, body: bytes, status: int, said: str
) -> None:
    found, answer = await system.http("orchestrator", f"/v1/conversations/{TENANT}/{key}/messages", body)
    assert found == status, answer
    assert said in str(answer)


async def test_a_good_request_over_http_is_answered(system: WholeSystem) -> None:
    body = {"turn_id": "1", "text": "hello over HTTP"}
    status, accepted = await system.http("orchestrator", f"/v1/conversations/{TENANT}/http-good/messages", body)
    assert status == 202, accepted
    await wait_until(lambda: system.messages(ExecutionFinished, "http-good"))
    _, shown = await system.http("orchestrator", f"/v1/conversations/{TENANT}/http-good")
    assert [line["text"] for line in shown["transcript"]] == ["hello over HTTP", "you said: hello over HTTP"]


async def test_what_nobody_has_heard_of_can_be_neither_stopped_nor_shown(system: WholeSystem) -> None:
    status, answer = await system.http("orchestrator", f"/v1/executions/{TENANT}/never-heard-of/stop", {})
    assert (status, answer) == (404, {"detail": "nothing is known of acme.never-heard-of"})
    assert await system.log("never-heard-of") == []
    assert (await system.http("orchestrator", f"/v1/conversations/{TENANT}/never-heard-of"))[0] == 404


async def test_an_execution_of_its_own_is_started_over_http_once_and_shown(system: WholeSystem) -> None:
    path = f"/v1/executions/{TENANT}/alone"
    for _ in range(2):
        status, _ = await system.http("orchestrator", path, {"workflow": "shop", "input": {"question": "hello"}})
        assert status == 202
    await wait_until(lambda: system.messages(ExecutionFinished, "alone"))
    [finished] = await system.messages(ExecutionFinished, "alone")
    assert isinstance(finished, ExecutionFinished)
    assert (finished.sink, finished.mode, finished.output) == ("FINISH", "standalone", "you said: Help the customer.")
    assert await system.messages(MessageSent, "alone") == []


async def test_eighteen_turns_at_once_are_answered_one_after_the_other(system: WholeSystem) -> None:
    turns = [await system.write("queue", f"do append:queue-{n}", turn=str(n)) for n in range(18)]
    outcomes = [await system.outcome(turn) for turn in turns]
    assert [outcome.messages[0].text for outcome in outcomes] == [f"done: queue-{n}" for n in range(18)]
    assert system.effects_of("queue") == [f"queue-{n}" for n in range(18)]


async def test_two_tenants_with_the_same_conversation_and_turn_know_nothing_of_each_other(
    system: WholeSystem,
) -> None:
    ours = await system.ask("same", "hello")
    theirs = Turn("globex", "same", MessageReceived(turn_id="1", text="hello"))
    await send_turn(system.connection, theirs)
    outcome = await wait_for_turn(system.connection, theirs, timeout_seconds=10)
    assert [message.text for message in ours.messages] == ["you said: hello"]
    assert outcome.refused is not None, "the other tenant has no workflow"
    assert outcome.refused.reason == "unknown_workflow"
