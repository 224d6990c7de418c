"""Does a conversation end right when a process is killed in the middle of it?"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.planned_model import done_text
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem, whole_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
KEYS = ("a", "b", "c")
STEPS = 6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    async with whole_system(tmp_path_factory.mktemp("system")) as running:
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
