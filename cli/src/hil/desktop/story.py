"""What does the inbox tell a desktop of a story: which changes, which rows, which lines?"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from contracts.envelope import Identity, LogEntry, Message, derive_message_id
from hil.desktop.scenario import scenario
from hil_inbox.domain.feed_frames import change_frame
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import Body, View

TENANT = "acme"
BEGIN_MS = 1_800_000_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """One message of the log, as the feed tells it."""

    seq: int
    type: str
    key: str
    frame: bytes
    rows: Mapping[str, Body]
    lines: tuple[Body, ...]
    conversation: Body | None

    def __str__(self) -> str:
        return f"event {self.seq} ({self.type} of {self.key})"


@dataclass(slots=True)
class Story:
    """A log whose documents are made by the inbox's own rules. Other tenants' messages leave holes in the sequences."""

    seed: int
    changes: list[Change] = field(default_factory=list)
    _views: dict[str, View] = field(default_factory=dict)
    _seq: int = 100
    _rng: random.Random = field(init=False)
    _messages: Iterator[tuple[Message, Identity]] = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 - a story to be told again, no secret
        self._messages = scenario(self.seed, tenant=TENANT, events=10_000, conversations=6)

    def go_on(self, changes: int) -> list[Change]:
        """The next things that happen by themselves."""
        return [self.add(message, identity.key, id_=identity.id) for message, identity in self.next_messages(changes)]

    def next_messages(self, count: int) -> list[tuple[Message, Identity]]:
        """What happens next, not yet added."""
        return [next(self._messages) for _ in range(count)]

    def add(self, message: Message, key: str, *, id_: str = "", seq: int | None = None) -> Change:
        """One more message of the log, at this place of it if it is known."""
        self._seq = self._seq + self._rng.randint(1, 3) if seq is None else seq
        now_ms = BEGIN_MS + self._seq * 1_000
        id_ = id_ or derive_message_id(f"{TENANT}/{key}/{self._seq}", message.route.type)
        view = fold_views(self._views.get(key, View(TENANT, key)), [LogEntry(self._seq, now_ms, id_, message, 100)])
        self._views[key] = view
        changed = view.changed
        about: dict[str, JsonValue] = {"tenant": TENANT, "key": key, "type": message.route.type, "at_ms": now_ms}
        rows = {id_: {"id": id_, **body} for (kind, id_), body in changed.items() if kind == "queue"}
        lines = tuple(body for (kind, _), body in changed.items() if kind == "transcript")
        conversation = next((body for (kind, _), body in changed.items() if kind == "conversations"), None)
        frame = change_frame(self._seq, about, changed)
        self.changes.append(Change(self._seq, message.route.type, key, frame, rows, lines, conversation))
        return self.changes[-1]

    def skip(self, messages: int) -> int:
        """Messages of other tenants: nothing is told of them, and the sequence grows."""
        self._seq += messages
        return self._seq

    def rows(self, through: int) -> dict[str, Body]:
        """Everything that needs a person, as of a sequence."""
        found: dict[str, Body] = {}
        for change in self.until(through):
            found |= change.rows
        return found

    def lines(self, key: str, through: int) -> list[Body]:
        """A conversation's transcript, as of a sequence."""
        return [line for change in self.until(through) if change.key == key for line in change.lines]

    def conversation(self, key: str, through: int) -> Body | None:
        """A conversation's own document, as of a sequence."""
        told = [change.conversation for change in self.until(through) if change.key == key and change.conversation]
        return told[-1] if told else None

    def until(self, through: int) -> list[Change]:
        """All changes through a sequence."""
        return [change for change in self.changes if change.seq <= through]

    def between(self, after: int, through: int) -> list[Change]:
        """All changes behind one sequence and through another one."""
        return [change for change in self.changes if after < change.seq <= through]

    def newest(self, about: Callable[[Change], bool], through: int) -> Change | None:
        """The newest change of this kind."""
        return next((change for change in reversed(self.until(through)) if about(change)), None)
