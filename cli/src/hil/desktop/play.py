"""How is a desktop played to, and what it shows compared with what it was told?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.envelope import BasedOn, Message
from contracts.handovers import HandoverClaimed, HandoverPacket, HandoverReleased, OpenHandover
from hil.desktop.compare import differences
from hil.desktop.desktop_process import Desktop, Shown, ShownRow
from hil.desktop.rules import Broken, PlayEnded, RuleName
from hil.desktop.scripted_inbox import ScriptedInbox
from hil.desktop.story import Story

BASED = BasedOn(now_ms=1, fence=0)
LOOK_SECONDS = 0.02
START_TIMES = 4
"""So many times as long as for anything else is waited until a desktop has started."""
BEFORE = 40
"""Changes that have happened when the desktop starts."""


@dataclass(slots=True)
class Play:
    """One scripted afternoon; `broken` grows as rules are broken."""

    inbox: ScriptedInbox
    desktop: Desktop
    wait_seconds: float
    open_keys: list[str] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)

    @property
    def story(self) -> Story:
        """What happens."""
        return self.inbox.story

    async def opened(self, key: str) -> None:
        """The person opens a conversation."""
        await self.desktop.do("open", conversation=key)
        self.open_keys.append(key)

    async def happens(self, *messages: Message, key: str) -> None:
        """Tell more of one conversation, and look at what is shown."""
        for message in messages:
            await self.inbox.tell(self.story.add(message, key).seq)
        await self.compared()

    async def resumed(self, may: set[int], why: str, rule: RuleName = "resume") -> None:
        """The desktop comes back, and asks for what is behind one of these sequences. Raises PlayEnded."""
        asked = len(self.inbox.cursors)
        await self.until(
            lambda: len(self.inbox.cursors) > asked and self.inbox.is_connected, rule, f"{why}; nobody came"
        )
        cursor = self.inbox.cursors[asked]
        if cursor not in may:
            wanted = " or ".join(map(str, sorted(may)))
            self.note(rule, f"{why}: the feed had to be asked for after {wanted}; it was asked for after {cursor}")
        await self.compared()

    async def reached(self, seq: int) -> Shown:
        """What is shown once the desktop has come to a sequence. Raises PlayEnded."""
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        while (shown := await self.desktop.show()).seq < seq:
            if asyncio.get_running_loop().time() > deadline:
                next_ = next((one for one in self.story.changes if one.seq > shown.seq), None)
                text = f"{next_} was told, and {self.wait_seconds:g} s later `seq` is still {shown.seq}"
                raise PlayEnded(Broken("left-out", text))
            await asyncio.sleep(LOOK_SECONDS)
        for row in shown.rows:
            self._look_whether_it_went_back(row)
        return shown

    def _look_whether_it_went_back(self, row: ShownRow) -> None:
        known = self._versions.get(row.id, 0)
        if row.as_of_seq < known:
            teller = self.story.newest(lambda one: row.id in one.rows, row.as_of_seq)
            self.note("went-back", f"row {row.id} was shown as of {known}; then {teller} was told, and took its place")
        self._versions[row.id] = max(row.as_of_seq, known)

    async def compared(self) -> None:
        """Everything that was told is shown."""
        shown = await self.reached(self.inbox.position)
        for broken in differences(shown, self.story, self.inbox.position, open_keys=self.open_keys):
            self.inbox.note(broken)

    async def until(self, condition: Callable[[], bool], rule: RuleName, text: str, *, times: int = 1) -> None:
        """Wait for the desktop. Raises PlayEnded."""
        seconds = self.wait_seconds * times
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            self.desktop.check_that_it_runs()
            for broken in self.inbox.broken:
                if broken.rule == "token":  # Who does not come in sees nothing of what follows.
                    raise PlayEnded(broken)
            if asyncio.get_running_loop().time() > deadline:
                raise PlayEnded(Broken(rule, f"{text} within {seconds:g} s"))
            await asyncio.sleep(LOOK_SECONDS)

    def note(self, rule: RuleName, text: str) -> None:
        """This shows that a rule is broken."""
        self.inbox.note(Broken(rule, text))


def begun(seed: int) -> ScriptedInbox:
    """The story when the desktop starts. Behind `position` comes an older change of a row on the last page."""
    story = Story(seed)
    story.go_on(BEFORE)
    for key in ("a-first", "z-last"):
        story.add(handed_over(key), key)
    position = story.changes[-1].seq
    story.add(claimed("z-last-h", "cleo"), "z-last")
    story.add(claimed("a-first-h", "cleo"), "a-first")
    story.add(HandoverReleased(handover_id="z-last-h", ownership_epoch=2, actor_id="cleo"), "z-last")
    return ScriptedInbox(story, position=position, ahead=story.changes[-1].seq)


def handed_over(key: str) -> OpenHandover:
    """A conversation needs a person."""
    packet = HandoverPacket(reason="customer_request", ask="a person, please")
    return OpenHandover(handover_id=f"{key}-h", reason="customer_request", packet=packet, based_on=BASED)


def claimed(handover_id: str, agent_id: str) -> HandoverClaimed:
    """Somebody has taken it, as the first."""
    return HandoverClaimed(handover_id=handover_id, ownership_epoch=1, actor_id=agent_id, agent_id=agent_id)
