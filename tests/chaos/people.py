"""What do human agents do: answer questions, claim conversations, reply, resolve, give back?"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random

from contracts.conversations import MessageSent, MessageSuppressed, SendMessage
from contracts.envelope import derive_message_id
from contracts.handovers import (
    ClaimHandover,
    DecideApproval,
    HandoverClaimed,
    HandoverFact,
    HandoverRefused,
    HandoverResolved,
    HandoverReturned,
    OpenApproval,
    OpenHandover,
    ResolveHandover,
    ReturnHandover,
)
from tests.chaos.client import Client
from tests.chaos.directive import number_of, read_directive
from tests.chaos.history import Key, Stored

CLAIMS_MAX = 20


@dataclass(slots=True)
class People:
    """React to what is stored, each action a task of its own; `seed` decides how fast and how."""

    client: Client
    seed: int
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def see(self, stored: Stored) -> None:
        """Something new is in the log."""
        message = stored.entry.message
        if isinstance(message, OpenApproval):
            self._begin(self._answer(stored.key, message))
        elif isinstance(message, OpenHandover):
            self._begin(self._take(stored.key, message.handover_id))

    def take_over(self, key: Key) -> asyncio.Task[None]:
        """Claim a conversation that nobody has handed over."""
        return self._begin(self._take(key, "takeover"))

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _answer(self, key: Key, question: OpenApproval) -> None:
        directive = read_directive(question.ask)
        if directive is None or directive.behaviour != "answer":
            return
        await asyncio.sleep(Random(f"{self.seed}/{question.approval_id}").uniform(0.0, 1.5))
        verdict = DecideApproval(
            command_id=f"answer-{question.approval_id}",
            approval_id=question.approval_id,
            actor_id="ann",
            verdict="respond",
            answer={"value": number_of(directive.place, directive.node)},
        )
        await self.client.send(key, verdict, derive_message_id(question.approval_id, "chaos/answer"))

    async def _take(self, key: Key, cause: str) -> None:
        random = Random(f"{self.seed}/{key}/{cause}")
        await asyncio.sleep(random.uniform(0.0, 1.0))
        actor = random.choice(("ann", "bob"))
        epoch = await self._claimed(key, cause, actor)
        if epoch is None:
            return
        if random.random() < 0.5:
            await self._reply(key, cause, actor, epoch)
        ending = random.choice((ResolveHandover, ReturnHandover))
        name = f"{cause}-end"
        command = ending(command_id=name, actor_id=actor, ownership_epoch=epoch)
        await self.client.send(key, command, derive_message_id(f"{key}/{name}", "chaos/end"))
        await self.client.until(lambda: self._ended(key, epoch, name))

    async def _claimed(self, key: Key, cause: str, actor: str) -> int | None:
        """The epoch of our claim; None when somebody else has the conversation or nobody is needed any more."""
        for number in range(CLAIMS_MAX):
            epoch = max((fact.ownership_epoch for fact in self._facts(key)), default=0)
            name = f"{cause}-claim-{number}"
            command = ClaimHandover(command_id=name, actor_id=actor, ownership_epoch=epoch)
            await self.client.send(key, command, derive_message_id(f"{key}/{name}", "chaos/claim"))
            answer = answer_id(key, name)
            await self.client.until(lambda answer=answer: self._message(key, answer))  # type: ignore[misc]
            message = self._message(key, answer)
            if isinstance(message, HandoverClaimed):
                return message.ownership_epoch
            assert isinstance(message, HandoverRefused)
            if message.reason != "stale_epoch":
                return None
        return None

    async def _reply(self, key: Key, cause: str, actor: str, epoch: int) -> None:
        name = f"{cause}-reply"[:128]
        message = SendMessage(message_id=name, text=f"{actor} says hello", author_id=actor, ownership_epoch=epoch)
        await self.client.send(key, message, derive_message_id(f"{key}/{name}", "chaos/reply"))
        await self.client.until(lambda: self._said(key, name))

    def _said(self, key: Key, name: str) -> bool:
        messages = (stored.entry.message for stored in self.client.history.of(key))
        return any(isinstance(m, MessageSent | MessageSuppressed) and m.message_id == name for m in messages)

    def _ended(self, key: Key, epoch: int, name: str) -> bool:
        refused = self._message(key, answer_id(key, name)) is not None
        ended = (HandoverResolved, HandoverReturned)
        return refused or any(isinstance(f, ended) and f.ownership_epoch > epoch for f in self._facts(key))

    def _facts(self, key: Key) -> list[HandoverFact]:
        messages = (stored.entry.message for stored in self.client.history.of(key))
        return [message for message in messages if isinstance(message, HandoverFact)]

    def _message(self, key: Key, message_id: str) -> object | None:
        log = self.client.history.of(key)
        return next((stored.entry.message for stored in log if stored.entry.id == message_id), None)


def answer_id(key: Key, command_id: str) -> str:
    """Id of the inbox's one answer to a command."""
    return derive_message_id(f"{key[0]}/{key[1]}/{command_id}", "hil-inbox/answer")
