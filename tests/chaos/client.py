"""How is a load brought to the bus, counting only what was acknowledged?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.conversations import MessageReceived
from contracts.envelope import Identity, Message, client_message_id, derive_message_id
from contracts.executions import ExecutionFinished, StartExecution
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from tests.chaos.history import History, Key
from tests.chaos.load import Asked, AskedTurn

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that was asked for and acknowledged; `turn` is empty in standalone mode."""

    key: Key
    turn: str
    workflow: str

    @property
    def place(self) -> str:
        return f"{self.key[0]}/{self.key[1]}/{self.turn}"


@dataclass(slots=True)
class Client:
    """Publishes until the server has acknowledged. `stopping` ends conversations before their next turn."""

    connection: Connection
    history: History
    acknowledged: list[tuple[Key, str]] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, key: Key, message: Message, message_id: str) -> None:
        """Publish under an id, until acknowledged."""
        identity = Identity(*key, message_id, caused_by=message_id)
        while True:
            try:
                await publish(self.connection, message, identity)
                break
            except RetryLater:
                continue  # Waited for 25 s already.
        self.acknowledged.append((key, message_id))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to be in the history."""
        while not condition():  # noqa: ASYNC110 - the history is polled, not announced
            await asyncio.sleep(LOOK_SECONDS)

    async def perform(self, asked: Asked, take_over: Callable[[Key], asyncio.Task[None]]) -> None:
        """Ask for everything; returns when each turn has its answer or is with people."""
        key = (asked.tenant, asked.key)
        if not asked.turns:
            return await self._standalone(asked, key)
        if asked.takeover_seconds is not None:
            asyncio.get_running_loop().call_later(asked.takeover_seconds, take_over, key)
        if asked.pace == "all at once":
            await asyncio.gather(*(self._say(asked, key, turn) for turn in asked.turns))
        for turn in asked.turns:
            if asked.pace == "one by one":
                if self.stopping.is_set():
                    return
                await self._say(asked, key, turn)
            await self.until(lambda turn=turn: self.is_over(key, turn.id))  # type: ignore[misc]

    async def _standalone(self, asked: Asked, key: Key) -> None:
        message = StartExecution(workflow=asked.workflow, input={"text": f"start of {asked.key}"})
        message_id = derive_message_id(f"{asked.tenant}/{asked.key}", "chaos/start")
        await asyncio.gather(*(self.send(key, message, message_id) for _ in range(asked.copies)))
        self.executions.append(Execution(key, "", asked.workflow))
        await self.until(lambda: self.is_over(key, None))

    async def _say(self, asked: Asked, key: Key, turn: AskedTurn) -> None:
        message = MessageReceived(turn_id=turn.id, text=turn.text, workflow=asked.workflow)
        message_id = client_message_id(*key, turn_id=turn.id, text=turn.text)
        await asyncio.gather(*(self.send(key, message, message_id) for _ in range(turn.copies)))
        self.executions.append(Execution(key, turn.id, asked.workflow))

    def is_over(self, key: Key, turn_id: str | None) -> bool:
        """Whether an execution has ended, or its turn was left to people."""
        messages = [stored.entry.message for stored in self.history.of(key)]
        if any(isinstance(message, ExecutionFinished) and message.turn_id == turn_id for message in messages):
            return True
        return turn_id is not None and is_with_people(messages, turn_id)


def is_with_people(messages: list[Message | None], turn_id: str) -> bool:
    """Whether people were in charge after the turn came, or are now: then the AI leaves it alone."""
    from_turn = False
    in_charge = False
    for message in messages:
        from_turn = from_turn or (isinstance(message, MessageReceived) and message.turn_id == turn_id)
        name = message.route.name if message is not None else ""
        if name in ("handover.open", "handover.claimed", "handover.released"):
            in_charge = True
        if name in ("handover.resolved", "handover.returned"):
            if from_turn:
                return True
            in_charge = False
    return from_turn and in_charge
