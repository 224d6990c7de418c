"""At which place of its queue does a customer wait?"""

from collections.abc import Iterable
from dataclasses import dataclass

from hil_inbox.domain.assignment import QueueRow, urgency


@dataclass(frozen=True, slots=True)
class Place:
    """`place` 1 is next; `waiting` counts the whole queue. Both are at least so large where rows were cut off."""

    place: int
    waiting: int


def place_of(handover_id: str, rows: Iterable[QueueRow]) -> Place | None:
    """The place among the rows that wait in the same queue, in the order in which they are assigned; None when the
    handover does not wait."""
    all_rows = list(rows)
    mine = next((row for row in all_rows if row.id == handover_id), None)
    if mine is None:
        return None
    queue = [row for row in all_rows if row.queue == mine.queue]
    return Place(1 + sum(1 for row in queue if urgency(row) < urgency(mine)), len(queue))
