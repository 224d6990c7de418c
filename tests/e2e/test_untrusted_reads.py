"""Does a write after an untrusted read wait for a person, who sees why and may change it, while the model sees data?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from tests.support.inbox_token import as_agent
from tests.support.tool_runner import counter_server
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem, whole_system

from contracts.tool_calls import ExecuteToolCall
from hil.embedded.plan import AllInThisProcess
from hil.replay_model.script import Rule, ScriptedCall

DESK = "tests.support.desk_tools:transfer"
PAID = ScriptedCall(name="append", arguments={"value": "paid"})
POLICY = {"after_untrusted_read": True}
FLOW = """
name: reader
version: 1.0.0
workflow:
  nodes:
    - {id: help, type: reasoning, prompt: Help., tools: [page.*, shop.*]}
    - {id: FINISH, type: sink, action: finish_conversation, reply: help.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges: [{from: help, to: FINISH}]
"""
PAY = """
name: payer
version: 1.0.0
workflow:
  nodes:
    - {id: read, type: tool, tool: page.read}
    - {id: pay, type: tool, tool: shop.append, arguments: {value: paid}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: "'done'"}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges: [{from: read, to: pay}, {from: pay, to: FINISH}]
"""


def manifest(path: Path) -> Path:
    shop = counter_server(path / "effects", name="shop")
    shop["tools"] = {"append": {"idempotency_argument": "key", "approvals": ["after_strangers"], "untrusted": False}}
    page = {"name": "page", "defaults": {"cost_usd": 0}, "tools": {"read": {"python": DESK, "side_effect": "read"}}}
    desk = {"name": "desk", "defaults": {"cost_usd": 0}, "tools": {"transfer": {"python": DESK, "side_effect": "read"}}}
    document = {
        "approvals": {"after_strangers": POLICY},
        "grants": [{"name": "all", "tools": ["*"]}],
        "servers": [shop, page, desk],
    }
    file = path / "manifest.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest_asyncio.fixture
async def system(tmp_path: Path) -> AsyncIterator[WholeSystem]:
    environment = {"TOOL_RUNNER_SERVERS_FILE": str(manifest(tmp_path))}
    layout = AllInThisProcess()
    async with whole_system(tmp_path, layout=layout, environment=environment, workflows=(FLOW, PAY)) as running:
        yield running


@pytest.mark.parametrize("workflow", ["reader", "payer"])
async def test_a_write_after_an_untrusted_read_is_made_as_a_person_changed_it(
    system: WholeSystem, workflow: str
) -> None:
    system.plan_faults(
        Rule(match="please", tool_calls=(ScriptedCall(name="page.read"),)),
        Rule(match="is data from the tool page.read", tool_calls=(PAID,)),
        Rule(match="$", text="done"),
    )
    turn = await system.write("c", "please", workflow=workflow)

    async def waiting() -> bool:
        return bool((await system.http("hil_inbox", "/v1/approvals?state=pending"))[1]["approvals"])

    await wait_until(waiting)
    [asked] = (await system.http("hil_inbox", "/v1/approvals?state=pending"))[1]["approvals"]
    assert "after_strangers" in asked["policy"]
    assert asked["arguments"] == {"value": "paid"}
    assert asked["ask"].endswith("strangers may have written, by way of page.read.")
    path, edit = f"/v1/approvals/{asked['id']}", {"verdict": "edit", "arguments": {"value": "less"}}
    seen = as_agent("ana", (await system.http("hil_inbox", path))[1]["etag"])
    status, _ = await system.http("hil_inbox", f"{path}/decide", edit, command_id="k", more=seen)
    assert status == 200

    outcome = await system.outcome(turn)
    assert [message.text for message in outcome.messages] == ["done"]
    assert system.effects() == ["less"]
    calls = [m for m in await system.messages(ExecuteToolCall, "c") if isinstance(m, ExecuteToolCall)]
    assert [call.read_untrusted for call in calls] == [(), ("page.read",), ("page.read",)]
    await system.assert_ended_once([turn])
