"""What must a desktop get right, in plain words?"""

from dataclasses import dataclass
from typing import Literal

RuleName = Literal[
    "protocol",
    "token",
    "whole-snapshot",
    "smallest-cursor",
    "left-out",
    "went-back",
    "twice",
    "resume",
    "reset",
    "not-live",
    "if-match",
    "one-key",
    "lost-race",
    "not-before-answer",
]
RULES: dict[RuleName, str] = {
    "protocol": "It answers each order with one line of JSON on standard output, in the order of the orders.",
    "token": "Every request carries the bearer token and names the agent in Hil-Actor.",
    "whole-snapshot": "The snapshot is read to its last page.",
    "smallest-cursor": "The feed is followed from the smallest `as_of_seq` of the snapshot's pages.",
    "left-out": "Every change is shown, also those that came while it was away; events with unknown names do no harm.",
    "went-back": "A row is never replaced by an older one: the larger `as_of_seq` stays.",
    "twice": "A row or a line that comes again is shown once.",
    "resume": "After a break the feed is followed from the last whole event (or the last heartbeat), no other place.",
    "reset": "After `reset` a new snapshot is read before the feed is followed again.",
    "not-live": "While the feed is away it says that what it shows is not live.",
    "if-match": "A command names what was shown: in If-Match its etag; over NATS its `ownership_epoch`.",
    "one-key": "A command has one id: the same Idempotency-Key or Nats-Msg-Id, however often it is asked.",
    "lost-race": "Who loses a race is told so, and who won.",
    "not-before-answer": "Nothing is shown as claimed or sent before the feed says so; what was undone is not sent.",
}

OVER_NATS: tuple[RuleName, ...] = (
    *("protocol", "left-out", "went-back", "twice", "not-live"),
    *("if-match", "one-key", "lost-race", "not-before-answer"),
)
"""The others are about HTTP."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that was broken, and what shows it."""

    rule: RuleName
    shown_by: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.shown_by}"


class PlayEnded(Exception):
    """The play cannot go on behind this breach."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(str(broken))
        self.broken = broken
