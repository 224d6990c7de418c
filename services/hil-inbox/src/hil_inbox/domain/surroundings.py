"""What does the inbox see around a conversation when it decides what it owes: queues, people, what waits?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil_inbox.domain.queues import Queue, Queues


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`online` says how many people could take something, by queue, and `waiting` how many handovers wait there. No
    `online`: nobody knows, so nothing is done about it."""

    queues: Queues
    online: Mapping[str, int] | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)

    def people(self, queue: Queue) -> int:
        """Who is there for a queue, as far as is known."""
        return 0 if self.online is None else self.online.get(queue.name, 0)

    def manned(self, queue: Queue) -> Queue | None:
        """The queue itself, or where it overflows to while people are only there; None: nobody is at either. While
        nobody knows who is there, nothing overflows."""
        if self.online is None or self.people(queue):
            return queue
        other = self.queues.named(queue.when_nobody.overflow or "")
        return other if other is not None and self.people(other) else None
