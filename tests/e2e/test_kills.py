"""Does a conversation end right when a process is killed in the middle of it?"""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from tests.support.inbox_token import as_agent
from tests.support.money import ASKING, decide, question
from tests.support.planned_model import done_text
from tests.support.wait_until import wait_until
from tests.support.whole_system import SHOP, WholeSystem, whole_system

from contracts.budgets import BudgetRaised
from contracts.conversations import MessageSent
from contracts.handovers import HandoverClaimed, HandoverResolved

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
KEYS = ("a", "b", "c")
STEPS = 6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    counted = SHOP.replace("name: shop", "name: counted")
    async with whole_system(tmp_path_factory.mktemp("system"), workflows=(counted, ASKING)) as running:
        yield running


def plan(key: str) -> str:
    return "do " + " ".join(f"append:{key}-{number}" for number in range(STEPS))


@pytest.mark.parametrize(
    "name", ["orchestrator", "llm_gateway", "tool_runner", "hil_inbox", "analytics", "redis", "nats"]
)
async def test_conversations_end_right_after_a_kill_in_the_middle(system: WholeSystem, name: str) -> None:
    keys = [f"{name}-{key}" for key in KEYS]
    turns = [await system.write(key, plan(key)) for key in keys]
    await wait_until(lambda: len(system.effects_of(keys[0])) >= 2)
    system.unit(name).kill()
    assert sum(len(system.effects_of(key)) for key in keys) < len(keys) * STEPS, "the kill came after the end"
    for key, turn in zip(keys, turns, strict=True):
        outcome = await system.outcome(turn)
        assert [message.text for message in outcome.messages] == [done_text(plan(key))]
        assert system.effects_of(key) == [f"{key}-{number}" for number in range(STEPS)]
    await system.assert_ended_once(turns)
    await wait_until(lambda: system.unit(name).is_ready(), timeout_seconds=30)


@pytest.mark.parametrize("name", ["orchestrator", "llm_gateway", "redis", "nats"])
async def test_a_cap_that_a_person_raises_is_raised_once_although_a_process_is_killed_meanwhile(
    system: WholeSystem, name: str
) -> None:
    key = f"raised-{name}"
    turn = await system.write(key, f"do append:{key}-a append:{key}-b", workflow="asking")
    approval = await question(system, key)
    assert (await decide(system, approval, "yes", verdict="approve"))[0] == 200
    system.unit(name).kill()
    outcome = await system.outcome(turn)
    assert [message.text for message in outcome.messages] == [f"done: {key}-a, {key}-b"]
    assert system.effects_of(key) == [f"{key}-a", f"{key}-b"]
    [raised] = await system.messages(BudgetRaised, key)
    assert isinstance(raised, BudgetRaised)
    assert raised.cap_microdollars == approval["budget"]["proposed_microdollars"]
    assert outcome.finished is not None
    assert outcome.finished.cost_microdollars <= raised.cap_microdollars
    await system.assert_ended_once([turn])
    await wait_until(lambda: system.unit(name).is_ready(), timeout_seconds=30)


async def test_everything_killed_at_once_goes_on_and_is_counted_exactly(system: WholeSystem) -> None:
    keys = [f"everything-{key}" for key in KEYS]
    turns = [await system.write(key, plan(key), workflow="counted") for key in keys]
    await wait_until(lambda: len(system.effects_of(keys[0])) >= 2)
    system.stack.kill()
    for key, turn in zip(keys, turns, strict=True):
        outcome = await system.outcome(turn)
        assert [message.text for message in outcome.messages] == [done_text(plan(key))]
        assert system.effects_of(key) == [f"{key}-{number}" for number in range(STEPS)]
    await system.assert_ended_once(turns)
    await wait_until(lambda: executions_counted(system, len(keys)), timeout_seconds=30)
    _, summary = await system.http("analytics", "/v1/summary?workflow=counted")
    found = summary["total"]
    assert (found["executions"], found["successes"], found["turns"]) == (len(keys), len(keys), len(keys))


async def executions_counted(system: WholeSystem, number: int) -> bool:
    """Whether analytics is back and has seen them all."""
    try:
        status, summary = await system.http("analytics", "/v1/summary?workflow=counted")
    except aiohttp.ClientError:
        return False
    return status == 200 and summary["total"]["executions"] >= number


async def test_a_handover_is_claimed_once_and_answered_although_the_inbox_is_killed_twice(system: WholeSystem) -> None:
    outcome = await system.ask("desk", "do transfer")
    assert outcome.handover is not None
    path = f"/v1/handovers/{outcome.handover.handover_id}"
    await until_taken(system, f"{path}/claim", {}, "claim-1", epoch=0)
    system.unit("hil_inbox").kill()
    reply = {"text": "A person here."}
    await until_taken(system, f"{path}/reply", reply, "reply-1", epoch=1)
    system.unit("hil_inbox").kill()
    await until_taken(system, f"{path}/reply", reply, "reply-1", epoch=1)
    await until_taken(system, f"{path}/resolve", {}, "resolve-1", epoch=1)
    after = await system.ask("desk", "thank you", turn="2")
    sent = [message for message in await system.messages(MessageSent, "desk") if isinstance(message, MessageSent)]
    assert [one.text for one in sent if one.author != "system"] == ["A person here.", "you said: thank you"]
    assert [message.text for message in after.messages] == ["you said: thank you"]
    assert [len(await system.messages(kind, "desk")) for kind in (HandoverClaimed, HandoverResolved)] == [1, 1]


async def until_taken(system: WholeSystem, path: str, body: object, command_id: str, *, epoch: int) -> None:
    """Ask again with the same id until the inbox says yes, as a careful desktop does; each command twice."""
    taken = 0

    async def asked() -> bool:
        nonlocal taken
        try:
            status, _ = await system.http("hil_inbox", path, body, command_id=command_id, more=as_agent("ada", epoch))
        except aiohttp.ClientError:
            return False
        taken += status in (200, 202)
        return taken == 2

    await wait_until(asked, timeout_seconds=30, every_seconds=0.1)
