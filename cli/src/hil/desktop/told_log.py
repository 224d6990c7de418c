"""What was written into the log that a desktop follows, and does it show that?"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from contracts.envelope import Identity, Message, derive_message_id
from contracts.streams import LOG
from hil.desktop.desktop_process import Desktop, Shown, ShownLine
from hil.desktop.play import LOOK_SECONDS
from hil.desktop.rules import Broken, PlayEnded, RuleName
from hil.desktop.story import TENANT, Change, Story
from service_kit.connection import Connection
from service_kit.entries import encode

WORDS = ("sent", "suppressed")
EVER = 2**62


@dataclass(slots=True)
class ToldLog:
    """The log on a real server, and beside it what follows from it by the inbox's own rules."""

    connection: Connection
    desktop: Desktop
    story: Story
    wait_seconds: float
    broken: list[Broken] = field(default_factory=list)
    open_keys: list[str] = field(default_factory=list)

    async def tell(self, message: Message, key: str, *, caused_by: str = "story", again: str = "") -> Change:
        """Store a message; `again` stores the same one once more, as happens after the time of deduplication."""
        id_ = derive_message_id(f"{TENANT}/{key}", message.model_dump_json())
        identity = Identity(TENANT, key, id_, caused_by)
        subject, body, headers = await encode(
            message, identity, jetstream=self.connection.jetstream, service="conformance"
        )
        seq = await self.connection.publish_surely(subject, body, headers={**headers, "Nats-Msg-Id": id_ + again})
        return self.story.add(message, key, id_=id_, seq=seq)

    async def go_on(self, messages: int) -> None:
        """The next things that happen by themselves."""
        for message, identity in self.story.next_messages(messages):
            await self.tell(message, identity.key)

    async def command(self, name: str, key: str) -> RawStreamMsg:
        """The newest command of this name that a desktop has sent. Raises PlayEnded."""
        found: list[RawStreamMsg] = []

        subject = f"hil.cmd.{name}.v1.{TENANT}.{key}"

        async def came() -> bool:
            try:
                found.append(await self.connection.jetstream.get_last_msg(LOG.name, subject))
            except NotFoundError:
                return False
            return True

        await self.until(came, "protocol", f"no {subject} was stored")
        if not (found[0].headers or {}).get("Nats-Msg-Id"):
            self.note("one-key", f"{name} of {key} came without Nats-Msg-Id")
        return found[0]

    async def compared(self, rule: RuleName = "left-out", *, times: int = 1) -> Shown:
        """Everything that was told is shown; `rule` is what a wrong row breaks. Raises PlayEnded."""
        last = self.story.changes[-1]
        text = f"{last} was told, and `seq` is not there"
        shown: list[Shown] = []

        async def reached() -> bool:
            shown.append(await self.desktop.show())
            return shown[-1].seq >= last.seq

        await self.until(reached, "left-out", text, times=times)
        self._compare_rows(shown[-1], rule)
        for key in self.open_keys:
            self._compare_lines(shown[-1].lines.get(key, []), key)
        return shown[-1]

    async def until(
        self, condition: Callable[[], Awaitable[bool]], rule: RuleName, text: str, *, times: int = 1
    ) -> None:
        """Wait for the desktop. Raises PlayEnded."""
        seconds = self.wait_seconds * times
        deadline = asyncio.get_running_loop().time() + seconds
        while not await condition():
            if asyncio.get_running_loop().time() > deadline:
                raise PlayEnded(Broken(rule, f"{text} within {seconds:g} s"))
            await asyncio.sleep(LOOK_SECONDS)

    def note(self, rule: RuleName, text: str) -> None:
        """This shows that a rule is broken; said once."""
        if Broken(rule, text) not in self.broken:
            self.broken.append(Broken(rule, text))

    def _compare_rows(self, shown: Shown, rule: RuleName) -> None:
        known = {row.id: (row.state, row.owner_id) for row in shown.rows if row.state != "done"}
        rows = {id_: row for id_, row in self.story.rows(EVER).items() if row["kind"] == "handover"}
        told = {id_: (row["state"], row["owner_id"]) for id_, row in rows.items() if row["state"] != "done"}
        for id_ in sorted({*told, *(id_ for id_ in known if id_ in rows)}):
            if known.get(id_) != told.get(id_):
                change = self.story.newest(lambda one, id_=id_: id_ in one.rows, EVER)  # type: ignore[misc]
                self.note(rule, f"row {id_} is shown as {known.get(id_)}; it is {told.get(id_)} since {change}")
        for id_, times in Counter(row.id for row in shown.rows).items():
            if times > 1:
                self.note("twice", f"row {id_} is shown {times} times")

    def _compare_lines(self, shown: list[ShownLine], key: str) -> None:
        told = {str(line["message_id"]): line for line in self.story.lines(key, EVER) if line["state"] in WORDS}
        states = Counter((line.message_id, line.state) for line in shown if line.message_id is not None)
        for message_id, line in told.items():
            times = sum(count for (id_, _), count in states.items() if id_ == message_id)
            if times > 1:
                self.note("twice", f"message {message_id} of {key} is shown {times} times; event {line['seq']} told it")
            elif states[message_id, str(line["state"])] != 1:
                self.note("left-out", f"message {message_id} of {key} is not shown as event {line['seq']} told it")
