"""Does an execution that runs into its cap go on where it was, once a person has raised it?"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.money import ASKING, FLOW, decide, question
from tests.support.whole_system import TENANT, WholeSystem, whole_system

from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.completions import RequestCompletion
from contracts.conversations import MessageSent
from hil.embedded.plan import AllInThisProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHEAPER = FLOW.format(
    name="cheaper", profile="powerful", limits="max_cost: 0.00024, on_limit: {max_cost: {cheaper_profile: fast}}"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    directory = tmp_path_factory.mktemp("system")
    async with whole_system(directory, layout=AllInThisProcess(), workflows=(ASKING, CHEAPER)) as running:
        yield running


async def test_a_person_raises_the_cap_in_the_inbox_and_the_execution_goes_on_where_it_was(
    system: WholeSystem,
) -> None:
    turn = await system.write("asking", "do append:asking-a append:asking-b", workflow="asking")
    approval = await question(system, "asking")
    budget = approval["budget"]
    assert (budget["scope"], budget["cap_microdollars"], approval["skills"]) == ("execution", 240, ["money"])
    before = await system.messages(RequestCompletion, "asking")
    effects_before = system.effects_of("asking")
    assert effects_before == ["asking-a"]

    status, answer = await decide(system, approval, "k1", verdict="respond", answer={"cap_usd": 0.00001})
    assert (status, "cap_usd" in str(answer)) == (422, True), "a figure that is too low is refused by its field"
    assert (await decide(system, approval, "k2", verdict="approve"))[0] == 200
    outcome = await system.outcome(turn)

    assert [message.text for message in outcome.messages] == ["done: asking-a, asking-b"]
    assert outcome.finished is not None
    assert outcome.finished.sink == "FINISH"
    assert outcome.finished.cost_microdollars <= budget["proposed_microdollars"]
    assert system.effects_of("asking") == ["asking-a", "asking-b"], "nothing that was done is done again"
    [raised], [command] = await system.messages(BudgetRaised, "asking"), await system.messages(RaiseBudget, "asking")
    assert isinstance(raised, BudgetRaised)
    assert isinstance(command, RaiseBudget)
    assert (raised.cap_microdollars, command.approval_id) == (budget["proposed_microdollars"], approval["id"])
    assert len(await system.messages(BudgetExhausted, "asking")) == 1
    again = (await system.messages(RequestCompletion, "asking"))[len(before)]
    assert isinstance(again, RequestCompletion)
    assert [cap.cap_microdollars for cap in again.caps] == [raised.cap_microdollars]
    await system.assert_ended_once([turn])
    inspected = await system.hil("inspect", "asking", "--tenant", TENANT)
    assert "budget.raised" in inspected.out, inspected.out


async def test_a_person_who_says_no_gets_the_conversation(system: WholeSystem) -> None:
    turn = await system.write("no", "do append:no-a append:no-b", workflow="asking")
    approval = await question(system, "no")
    assert (await decide(system, approval, "k1", verdict="reject", reason="that is enough"))[0] == 200
    outcome = await system.outcome(turn)

    assert outcome.finished is not None
    assert (outcome.finished.sink, outcome.finished.reason) == ("HANDOVER", "budget_exceeded")
    assert await system.messages(RaiseBudget, "no") == await system.messages(MessageSent, "no") == []
    await system.assert_ended_once([turn])


async def test_a_cheaper_profile_does_the_rest_under_the_same_cap(system: WholeSystem) -> None:
    turn = await system.write("cheap", "do append:cheap-a append:cheap-b", workflow="cheaper")
    outcome = await system.outcome(turn)

    assert [message.text for message in outcome.messages] == ["done: cheap-a, cheap-b"]
    assert outcome.finished is not None
    assert outcome.finished.cost_microdollars <= 240
    requests = await system.messages(RequestCompletion, "cheap")
    profiles = [request.profile for request in requests if isinstance(request, RequestCompletion)]
    assert profiles == ["powerful", "powerful", "fast", "fast"]
    await system.assert_ended_once([turn])
