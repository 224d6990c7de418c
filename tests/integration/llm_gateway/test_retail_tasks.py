"""Does every customer of the train split get the expected calls through the gateway, one request at a time?"""

import asyncio
from pathlib import Path

from tests.integration.llm_gateway.gateway_kit import Bench, bench
from tests.support.start_servers import NatsServer, RedisServer

from contracts.completions import CompletionProduced, ToolCallRequest
from hil.domain_file import Domain, Task, load_domain, shipped_domain
from hil.replay_model import ReplayModel, TaskPlayer


async def play(gateway: Bench, task: Task, tools: tuple[str, ...]) -> tuple[list[ToolCallRequest], str]:
    """The loop that the orchestrator runs: each request continues the one before and brings the results."""
    key, made = f"task-{task.id}", list[ToolCallRequest]()
    messages = [{"role": "system", "content": "policy"}, {"role": "user", "content": task.opening}]
    continues: str | None = None
    while True:
        fields = {"messages": messages, "continues": continues, "execution_id": key, "profile": "retail"}
        continues = await gateway.request(key, tools=tools, **fields)
        fact = await gateway.fact(continues, key, timeout_seconds=60)
        assert isinstance(fact, CompletionProduced), fact
        if not fact.tool_calls:
            return made, fact.text
        made += fact.tool_calls
        messages = [
            {"role": "tool", "tool_call_id": call.tool_call_id, "content": '{"ok": true}'} for call in fact.tool_calls
        ]


async def add_tools(gateway: Bench, domain: Domain) -> tuple[str, ...]:
    """Their full names: the gateway waits for a tool that is named, while a pattern takes what is there already."""
    names = {f"retail.{action.name}" for task in domain.tasks_of("train") for action in task.actions}
    await asyncio.gather(*(gateway.add_tool(name) for name in names))
    return tuple(sorted(names))


async def test_every_train_task_is_played_as_expected(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    domain = load_domain(shipped_domain("retail"))
    async with (
        ReplayModel(player=TaskPlayer(domain)) as model,
        bench(
            nats_server.url, redis_server.url, tmp_path, provider_url=model.url, provider_trusted_with_pii=True
        ) as gateway,
    ):
        tools = await add_tools(gateway, domain)
        tasks = domain.tasks_of("train")
        played = await asyncio.gather(*(play(gateway, task, tools) for task in tasks))
    for task, (calls, text) in zip(tasks, played, strict=True):
        expected = [(f"retail.{action.name}", action.arguments) for action in task.actions]
        assert [(call.tool, call.arguments) for call in calls] == expected, task.id
        assert all(info in text for info in task.communicate_info), task.id
