"""What becomes of conversations while a part of the system is gone for seconds and comes back by itself?"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
import pytest_asyncio
from tests.support.planned_model import done_text
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem, whole_system

from contracts.handovers import OpenHandover
from contracts.tool_calls import ToolCallOutcomeUnknown
from hil.embedded.supervisor import RestartPolicy
from hil.replay_model.script import Rule, ScriptedCall

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
GONE_SECONDS = 10.0
SOON_SECONDS = 15.0
"""After the return of what was gone: the longest silence after which NATS delivers again, twice, and some work."""
BEFORE, WHILE_GONE, STEPS = 6, 4, 5
IMPATIENT = """
name: impatient
version: 1.0.0
workflow:
  nodes:
    - id: answer
      type: simple
      prompt: Answer.
      limits: {timeout_ms: 1500, max_retries: 2, retry_backoff: {kind: fixed, base_ms: 100}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: answer.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: answer, to: FINISH}
hil: {customer_request_phrases: []}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    """What is killed comes back after ten seconds."""
    patient = RestartPolicy(delay_seconds_first=GONE_SECONDS)
    async with whole_system(tmp_path_factory.mktemp("system"), restarts=patient, workflows=(IMPATIENT,)) as running:
        yield running


@pytest.fixture
def system(shared: WholeSystem) -> Iterator[WholeSystem]:
    """The same system, with a model that has no faults at the end."""
    yield shared
    shared.plan_faults()


def plan(key: str) -> str:
    return "do " + " ".join(f"append:{key}-{number}" for number in range(STEPS))


@pytest.mark.parametrize("name", ["redis", "nats"])
async def test_conversations_wait_for_a_store_that_is_gone_for_ten_seconds(system: WholeSystem, name: str) -> None:
    keys = [f"{name}-{number}" for number in range(BEFORE + WHILE_GONE)]
    turns = [await system.write(key, plan(key)) for key in keys[:BEFORE]]
    await wait_until(lambda: len(system.effects_of(keys[0])) >= 2)
    system.unit(name).kill()
    turns += await asyncio.gather(*(system.write(key, plan(key)) for key in keys[BEFORE:]))
    await wait_until(system.unit(name).is_ready, timeout_seconds=3 * GONE_SECONDS)
    outcomes = await asyncio.gather(*(system.outcome(turn, seconds=SOON_SECONDS) for turn in turns))
    assert [[message.text for message in outcome.messages] for outcome in outcomes] == [
        [done_text(plan(key))] for key in keys
    ]
    assert [system.effects_of(key) for key in keys] == [[f"{key}-{n}" for n in range(STEPS)] for key in keys]
    await system.assert_ended_once(turns)


async def test_a_provider_that_comes_back_within_the_limits_answers_everybody(system: WholeSystem) -> None:
    keys = [f"provider-{number}" for number in range(BEFORE)]
    await system.model.stop()
    turns = [await system.write(key, plan(key)) for key in keys]
    await wait_until(lambda: _failed_somewhere(system, keys), timeout_seconds=20)
    await system.model.start()
    for key, turn in zip(keys, turns, strict=True):
        assert [message.text for message in (await system.outcome(turn)).messages] == [done_text(plan(key))]
    await system.assert_ended_once(turns)


async def _failed_somewhere(system: WholeSystem, keys: list[str]) -> bool:
    found = [entry.message for key in keys for entry in await system.log(key)]
    return any(message is not None and message.route.name == "completion.failed" for message in found)


async def test_a_provider_that_stays_away_hands_over_and_the_next_customer_is_answered(system: WholeSystem) -> None:
    await system.model.stop()
    keys = [f"away-{number}" for number in range(3)]
    turns = [await system.write(key, "hello", workflow="impatient") for key in keys]
    outcomes = [await system.outcome(turn) for turn in turns]
    await system.model.start()
    assert [outcome.finished.reason for outcome in outcomes if outcome.finished] == ["max_retries_exceeded"] * 3
    assert not any(outcome.finished.success for outcome in outcomes if outcome.finished)
    after = await system.ask("away-after", "hello", workflow="impatient")
    assert [message.text for message in after.messages] == ["you said: hello"]
    await system.assert_ended_once(turns)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(status=429, retry_after_seconds=0.5, times=2),
        Rule(status=500, times=2),
        Rule(malformed="{not json", times=2),
        Rule(text="a good answer that is cut", cut_after_bytes=40, times=2),
        Rule(tool_calls=(ScriptedCall(name="append", arguments="{no"),), times=1),
    ],
    ids=["429", "500", "malformed", "cut", "bad-tool-call"],
)
async def test_a_provider_that_stumbles_is_asked_again(system: WholeSystem, rule: Rule) -> None:
    system.plan_faults(rule)
    key = f"stumble-{rule.status or ''}{'m' if rule.malformed else ''}{rule.cut_after_bytes or ''}"
    turn = await system.write(key, plan(key))
    outcome = await system.outcome(turn)
    assert [message.text for message in outcome.messages] == [done_text(plan(key))]
    assert system.effects_of(key) == [f"{key}-{number}" for number in range(STEPS)]
    await system.assert_ended_once([turn])


@pytest.mark.parametrize(
    "rule",
    [Rule(status=500, times=None), Rule(malformed="{", times=None), Rule(never=True, times=None)],
    ids=["500", "malformed", "never"],
)
async def test_a_provider_that_never_gets_better_is_handed_over_within_the_limits(
    system: WholeSystem, rule: Rule
) -> None:
    system.plan_faults(rule)
    turn = await system.write(f"worse-{rule.status}-{rule.never}", "hello", workflow="impatient")
    outcome = await system.outcome(turn, seconds=15)
    assert outcome.handover is not None
    assert outcome.handover.reason == "max_retries_exceeded"
    assert outcome.messages == ()
    await system.assert_ended_once([turn])


async def test_a_request_that_the_provider_refuses_is_not_tried_again(system: WholeSystem) -> None:
    system.plan_faults(Rule(status=400, times=None))
    before = len(system.model.received)
    turn = await system.write("refused", "hello", workflow="impatient")
    outcome = await system.outcome(turn, seconds=15)
    assert outcome.handover is not None
    assert len(system.model.received) - before <= 2, "one call of each model"
    await system.assert_ended_once([turn])


async def test_a_killed_tool_server_is_started_again_and_each_effect_is_there_once(system: WholeSystem) -> None:
    keys = [f"mcp-{number}" for number in range(3)]
    turns = [await system.write(key, plan(key)) for key in keys]
    for count in (2, 4):
        await wait_until(lambda count=count: len(system.effects_of(keys[0])) >= count)
        for child in _tool_servers(system):
            child.kill()
    for key, turn in zip(keys, turns, strict=True):
        assert [message.text for message in (await system.outcome(turn)).messages] == [done_text(plan(key))]
        assert system.effects_of(key) == [f"{key}-{number}" for number in range(STEPS)]
    await system.assert_ended_once(turns)


def _tool_servers(system: WholeSystem) -> list[psutil.Process]:
    children = psutil.Process(system.unit("tool_runner").child.pid).children(recursive=True)
    return [child for child in children if "mcp_counter.py" in " ".join(child.cmdline())]


async def test_a_tool_that_kills_its_server_goes_to_a_person_and_is_not_tried_again(system: WholeSystem) -> None:
    turn = await system.write("crash", "do append:crash-0 crash")
    outcome = await system.outcome(turn)
    assert outcome.handover is not None
    assert outcome.handover.reason == "tool_outcome_unknown"
    [unknown] = await system.messages(ToolCallOutcomeUnknown, "crash")
    await _shown_in_the_inbox(system, outcome.handover, unknown)
    assert system.effects_of("crash") == ["crash-0"]
    await system.assert_ended_once([turn])


async def _shown_in_the_inbox(system: WholeSystem, handover: OpenHandover, unknown: ToolCallOutcomeUnknown) -> None:
    """Which call it was, with what, from when to when, and what is known of it."""
    path = f"/v1/handovers/{handover.handover_id}"

    async def is_there() -> bool:
        return (await system.http("hil_inbox", path))[0] == 200

    await wait_until(is_there)
    _, shown = await system.http("hil_inbox", path)
    assert (shown["reason"], shown["state"]) == ("tool_outcome_unknown", "open")
    assert shown["detail"] == f"{unknown.tool}: Unknown outcome: {unknown.detail}"
    *before, cut = shown["packet"]["actions"]
    assert [(one["outcome"], one["arguments"]["value"]) for one in before] == [("completed", "crash-0")]
    assert (cut["tool"], cut["arguments"], cut["outcome"]) == (unknown.tool, {}, "unknown")
    assert cut["result"] == unknown.detail != ""
    assert before[0]["ended_ms"] <= cut["asked_ms"] <= cut["ended_ms"] <= shown["opened_ms"]
    [told] = [one for one in shown["packet"]["summary"] if cut["id"] in one["cites"]]
    assert told["text"] == f"Tool calls that ended as unknown: {unknown.tool}."
