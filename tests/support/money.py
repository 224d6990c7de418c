"""How does a test run a workflow into its cap, and answer as a person who may raise it?"""

from typing import Any

from tests.support.inbox_token import as_agent
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem

# Before a call the cheapest model of `powerful` reserves about 0.00022 USD, of which it takes 0.00003 or more: the cap
# lets the first call through and refuses the second.
FLOW = """
name: {name}
version: 1.0.0
limits: {{deadline_ms: 60000, {limits}}}
workflow:
  nodes:
    - {{id: answer, type: reasoning, profile: {profile}, prompt: Answer., tools: [shop.*]}}
    - {{id: FINISH, type: sink, action: finish_conversation, reply: answer.output.text || answer.output}}
    - {{id: HANDOVER, type: sink, action: handover_to_human}}
  edges:
    - {{from: answer, to: FINISH}}
hil: {{customer_request_phrases: []}}
"""
ASKING = FLOW.format(
    name="asking", profile="powerful", limits="max_cost: 0.00024, on_limit: {max_cost: {ask_human: {skills: [money]}}}"
)


async def question(system: WholeSystem, key: str) -> dict[str, Any]:
    """The pending approval of a conversation, as the inbox shows it."""

    async def found() -> list[dict[str, Any]]:
        _, page = await system.http("hil_inbox", "/v1/approvals?state=pending")
        return [shown for shown in page["approvals"] if shown["key"] == key]

    await wait_until(found, timeout_seconds=20, every_seconds=0.1)
    [shown] = await found()
    return shown


async def decide(system: WholeSystem, approval: dict[str, Any], command_id: str, **verdict: object) -> tuple[int, Any]:
    path = f"/v1/approvals/{approval['id']}"
    seen = as_agent("ana", (await system.http("hil_inbox", path))[1]["etag"])
    return await system.http("hil_inbox", f"{path}/decide", verdict, command_id=command_id, more=seen)
