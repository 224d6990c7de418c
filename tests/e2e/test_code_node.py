"""Does the code node of a shipped workflow get its tool's results, run code, and give its figures to the next node?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.support.repository import ROOT
from tests.support.tool_runner import retail_server
from tests.support.whole_system import WholeSystem, whole_system

from contracts.tool_calls import ExecuteToolCall, ToolCallCompleted
from hil.embedded.plan import AllInThisProcess
from hil.replay_model.script import Rule, ScriptedCall

SHIPPED = (ROOT / "workflows/refund_breakdown.yaml").read_text()
CODE_SERVER = {"name": "code", "builtin": "code", "defaults": {"cost_usd": 0}}
ORDER = "#W2378156"
QUESTION = f"What would I get back if I returned everything of order {ORDER}?"
WRONG = "result = {'total': sum(inputs['prices'])}"
RIGHT = """
items = inputs['tool_results'][0]['result']['items']
cents = [round(item['price'] * 100) for item in items]
print(len(items), 'items')
result = {'items': [{'name': i['name'], 'price': c / 100} for i, c in zip(items, cents)], 'total': sum(cents) / 100}
"""


@pytest_asyncio.fixture
async def system(tmp_path: Path) -> AsyncIterator[WholeSystem]:
    servers = (retail_server(tmp_path / "retail"), CODE_SERVER)
    layout = AllInThisProcess()
    async with whole_system(tmp_path, layout=layout, workflows=(SHIPPED,), servers=servers) as running:
        yield running


async def test_figures_are_worked_out_by_code_that_was_mended_after_it_failed(system: WholeSystem) -> None:
    wanted = {"confidence": 0.9, "order_id": ORDER}
    order = ScriptedCall(name="get_order_details", arguments={"order_id": ORDER})
    system.plan_faults(
        Rule(match="What would I", json=wanted),
        Rule(match="What would I", tool_calls=(order,)),
        Rule(match='"items"', json={"do": "run", "plan": "Add up.", "code": WRONG}),
        Rule(match="Your code failed.(.|\n)*KeyError", json={"do": "run", "plan": "Use the order.", "code": RIGHT}),
        Rule(match="Your code has run.(.|\n)*5 items", json={"do": "use_result", "plan": "It adds up."}),
        Rule(match="What would I", text="You would get all of it back."),
    )
    turn = await system.write("refund", QUESTION, workflow="refund_breakdown")
    outcome = await system.outcome(turn)

    assert [message.text for message in outcome.messages] == ["You would get all of it back."]
    calls = [m for m in await system.messages(ExecuteToolCall, "refund") if isinstance(m, ExecuteToolCall)]
    assert [call.tool for call in calls] == ["retail.get_order_details", "code.run", "code.run"]
    assert calls[-1].arguments["inputs"]["item_ids"] == []
    done = [m for m in await system.messages(ToolCallCompleted, "refund") if isinstance(m, ToolCallCompleted)]
    assert [fact.is_error for fact in done] == [False, True, False]
    prices = [item["price"] for item in done[0].result["items"]]
    assert done[-1].result["result"]["total"] == round(sum(prices), 2)
    asked_last = system.model.received[-1].body["messages"]
    assert str(round(sum(prices), 2)) in str(asked_last), "the figures come to the next node as they were worked out"
    await system.assert_ended_once([turn])
