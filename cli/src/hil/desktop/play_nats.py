"""Which things happen to a desktop in a conformance check over NATS?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.js.api import RawStreamMsg

from contracts.conversations import MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import Identity
from contracts.handovers import HandoverRefused
from contracts.streams import LOG
from hil.desktop.desktop_process import Done
from hil.desktop.play import BASED, START_TIMES, claimed, handed_over
from hil.desktop.rules import PlayEnded
from hil.desktop.scripted_inbox import ACTOR
from hil.desktop.story import TENANT
from hil.desktop.told_log import ToldLog
from hil.embedded.nats_server import NatsServer
from service_kit.bus import publish
from service_kit.tasks import end_task

MINE, THEIRS, AGAIN = "mine", "theirs", "again"
HASTE_SECONDS = 0.1
"""Within this an answer comes that has not waited for the fact."""


@dataclass(slots=True)
class NatsPlay:
    """One scripted afternoon; what the inbox and the orchestrator would say is said here."""

    log: ToldLog
    server: NatsServer

    async def run(self) -> None:
        """All acts, until one cannot be gone on from."""
        try:
            for act in (self._begin, self._repeat, self._break, self._claim, self._lose, self._reply, self._undo):
                await act()
        except PlayEnded as ended:
            self.log.note(ended.broken.rule, ended.broken.shown_by)

    async def _begin(self) -> None:
        """What was stored before, what comes, another tenant, and a message of a kind that nobody knows."""
        await self.log.compared(times=START_TIMES)
        other = MessageReceived(turn_id="t1", text="of another tenant")
        await publish(self.log.connection, other, Identity("other", "c1", "other-1", "other-1"))
        await self.log.connection.jetstream.publish(f"hil.evt.weather.changed.v1.{TENANT}.c1", b"{}", stream=LOG.name)
        await self.log.go_on(10)
        await self.log.compared()

    async def _repeat(self) -> None:
        """Facts are stored again long after: their epochs and ids are old."""
        old, said = claimed(f"{AGAIN}-h", "cleo"), _said("again-m", "Once.")
        await self._opened(AGAIN)
        await self.log.tell(old, AGAIN)
        await self.log.tell(old.model_copy(update={"agent_id": "bo", "ownership_epoch": 2}), AGAIN)
        await self.log.tell(said, AGAIN)
        await self.log.compared()
        await self.log.tell(old, AGAIN, again="1")
        await self.log.tell(said, AGAIN, again="1")
        await self.log.compared("went-back")

    async def _break(self) -> None:
        """The server is away; things happen as soon as it is back."""
        self.server.stop()

        async def says_so() -> bool:
            return not (await self.log.desktop.show()).live

        await self.log.until(says_so, "not-live", "NATS was stopped, and `live` stayed true")
        self.server.start()
        await self.log.tell(claimed(f"{AGAIN}-h", "dora").model_copy(update={"ownership_epoch": 3}), AGAIN)
        await self.log.tell(_said("back-m", "Back again."), AGAIN)
        await self.log.go_on(4)
        await self.log.compared()

    async def _claim(self) -> None:
        await self._opened(MINE)
        async with self._claiming(MINE) as (command, answering):
            await self.log.tell(claimed(f"{MINE}-h", ACTOR), MINE, caused_by=_id(command))
            said = (await answering).outcome
        if said != "done":
            self.log.note("protocol", f"handover.claimed answered the claim of {MINE}-h; the desktop says {said}")
        await self.log.compared()

    async def _lose(self) -> None:
        """Somebody else was faster."""
        await self._opened(THEIRS)
        async with self._claiming(THEIRS) as (command, answering):
            await self.log.tell(claimed(f"{THEIRS}-h", "bo"), THEIRS)
            about = {
                "command_id": json.loads(command.data or b"{}").get("command_id", ""),
                "handover_id": f"{THEIRS}-h",
            }
            who = {"actor_id": ACTOR, "owner_id": "bo", "ownership_epoch": 1, "reason": "already_claimed"}
            await self.log.tell(HandoverRefused.model_validate(about | who), THEIRS, caused_by=_id(command))
            done = await answering
        if (done.outcome, done.owner_id) != ("refused", "bo"):
            text = f"handover.refused of {THEIRS}-h named bo; the desktop says {done.outcome}, owner {done.owner_id}"
            self.log.note("lost-race", text)
        await self.log.compared()

    @asynccontextmanager
    async def _claiming(self, key: str) -> AsyncIterator[tuple[RawStreamMsg, "asyncio.Task[Done]"]]:
        """The claim that was ordered, and what the desktop will say of it."""
        answering = asyncio.create_task(self.log.desktop.do("claim", handover=f"{key}-h"))
        try:
            command = await self._claim_came(key)
            await asyncio.wait({answering}, timeout=HASTE_SECONDS)
            if answering.done() and (await answering).outcome == "done":
                self.log.note("not-before-answer", f"the claim of {key}-h was called done; no fact had answered it")
            yield command, answering
        finally:
            await end_task(answering)

    async def _reply(self) -> None:
        await self.log.tell(_said(await self._replied("On my way."), "On my way."), MINE)
        await self.log.compared()

    async def _undo(self) -> None:
        """A reply is taken back before it was sent."""
        message_id = await self._replied("Wrong window.")
        await self.log.desktop.do("undo", handover=f"{MINE}-h", message_id=message_id)
        named = json.loads((await self.log.command("message.unsend", MINE)).data or b"{}").get("message_id")
        if named != message_id:
            self.log.note("protocol", f"`undo` of {message_id} was ordered; message.unsend names {named}")
        fact = _said(message_id, "Wrong window.").model_dump(exclude={"notice"}) | {"reason": "undone"}
        await self.log.tell(MessageSuppressed.model_validate(fact), MINE)
        await self.log.compared()

    async def _opened(self, key: str) -> None:
        await self.log.tell(MessageReceived(turn_id="t1", text="Hello?"), key)
        await self.log.tell(handed_over(key), key)
        await self.log.desktop.do("open", conversation=key)
        self.log.open_keys.append(key)
        await self.log.compared()

    async def _claim_came(self, key: str) -> RawStreamMsg:
        """The claim, with the epoch that was shown. Nothing has answered it yet."""
        command = await self.log.command("handover.claim", key)
        epoch = json.loads(command.data or b"{}").get("ownership_epoch")
        if epoch != 0:
            self.log.note("if-match", f"the claim of {key}-h names ownership_epoch {epoch}; what was told is 0")
        return command

    async def _replied(self, text: str) -> str:
        """The id of a reply that was stored as a command, and not sent yet."""
        done = await self.log.desktop.do("reply", handover=f"{MINE}-h", text=text)
        body = json.loads((await self.log.command("message.send", MINE)).data or b"{}")
        if body.get("ownership_epoch") != 1:
            self.log.note("if-match", f"message.send names ownership_epoch {body.get('ownership_epoch')}; it is 1")
        message_id = str(body.get("message_id"))
        if done.message_id != message_id:
            self.log.note("protocol", f"`reply` was answered with {done.message_id}; message.send names {message_id}")
        shown = await self.log.desktop.show()
        if any(line.message_id == message_id and line.state == "sent" for line in shown.lines.get(MINE, [])):
            self.log.note("not-before-answer", f"the reply {message_id} is shown as sent; it was only asked for")
        return message_id


def _said(message_id: str, text: str) -> MessageSent:
    said = {"text": text, "author": "human_agent", "author_id": ACTOR, "ownership_epoch": 1}
    return MessageSent.model_validate({"message_id": message_id, "based_on": BASED, **said})


def _id(command: RawStreamMsg) -> str:
    return str((command.headers or {}).get("Nats-Msg-Id", ""))
