"""How is one tool call made by itself, and what became of it?"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg
from pydantic import JsonValue

from contracts.envelope import BasedOn, Identity, derive_message_id
from contracts.subjects import fence_of
from contracts.tool_calls import ExecuteToolCall, ToolCallFact
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log

LOOK_SECONDS = 1.0
LATER_SECONDS = 5.0
"""The runner ends a call at its deadline; its fact is there a little later."""


@dataclass(frozen=True, slots=True)
class TestCall:
    """A call under a key of its own: no conversation sees it. `key` is new for each, unless one is to be repeated."""

    __test__ = False
    tenant: str
    key: str
    tool: str
    arguments: dict[str, JsonValue]
    timeout_seconds: float
    agent: str | None = None
    workflow: str = ""
    entity: str | None = None


def new_key() -> str:
    """Never the same twice on one machine."""
    return f"tool-test-{time.time_ns()}"


async def made(connection: Connection, call: TestCall) -> ToolCallFact | None:
    """The fact that ends the call; None when none came in time."""
    command_id = derive_message_id(f"{call.tenant}/{call.key}/{call.tool}/{time.time_ns()}", "tool_test")
    message = ExecuteToolCall(
        node="hil-tool-test",
        agent=call.agent,
        workflow=call.workflow,
        tool_call_id=call.key,
        tool=call.tool,
        arguments=call.arguments,
        tools_allowed=(call.tool,),
        idempotency_key=call.key,
        timeout_ms=round(call.timeout_seconds * 1000),
        entity=call.entity,
        based_on=BasedOn(now_ms=time.time_ns() // 1_000_000, fence=0),
    )
    sequence = await publish(connection, message, Identity(call.tenant, call.key, command_id, command_id))
    return await _fact(connection, call, command_id, after=sequence)


async def _fact(connection: Connection, call: TestCall, command_id: str, *, after: int) -> ToolCallFact | None:
    told = asyncio.Event()

    async def notice(_: Msg) -> None:
        told.set()

    subscription = await connection.client.subscribe(fence_of(call.tenant, call.key), cb=notice)
    deadline = time.monotonic() + call.timeout_seconds + LATER_SECONDS
    try:
        while time.monotonic() < deadline:
            told.clear()
            for entry in await Log(connection).read(call.tenant, call.key, after=after):
                if isinstance(entry.message, ToolCallFact) and entry.message.command_id == command_id:
                    return entry.message
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await told.wait()
        return None
    finally:
        await subscription.unsubscribe()
