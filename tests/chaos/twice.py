"""How does every command to call a tool come a second time, as if its sender had not heard that it was stored?"""

import asyncio
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.js.api import DeliverPolicy

from contracts.streams import LOG
from contracts.tool_calls import ExecuteToolCall
from service_kit.connection import Connection

AGAIN = "Test-Again"


@dataclass(slots=True)
class Twice:
    """Stores each command again, under its own id, as soon as it is in the log; `commands` are the ids so far."""

    connection: Connection
    commands: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Until cancelled."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        subscription = await self.connection.jetstream.subscribe(
            f"{ExecuteToolCall.route.type}.>",
            stream=LOG.name,
            ordered_consumer=True,
            deliver_policy=DeliverPolicy.ALL,
            cb=arrived.put,
        )
        try:
            while True:
                await self._again(await arrived.get())
        finally:
            await subscription.unsubscribe()

    async def _again(self, msg: Msg) -> None:
        headers = dict(msg.headers or {})
        if AGAIN in headers:
            return
        kept = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
        await self.connection.publish_surely(msg.subject, msg.data, headers={**kept, AGAIN: "1"})
        self.commands.add(headers["ce-id"])
