"""What does a conversation show to people: which documents, and how does one change?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

from contracts.envelope import LogEntry
from hil_inbox.domain.waiting import Waiting

Collection = Literal[
    "handovers", "approvals", "transcript", "packets", "notices", "suggestions", "conversations", "queue", "audit"
]
Place = tuple[Collection, str]
Body = Mapping[str, JsonValue]
NOT_KEPT: frozenset[Collection] = frozenset({"transcript", "packets", "notices", "audit"})
"""Written once and never changed, so nobody keeps them in memory."""
NEW_CONVERSATION: Body = {"owner_id": None, "handover_id": None, "is_closed": False, "unanswered": 0}
PRIORITY_RANKS = {"urgent": 0, "high": 1, "normal": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class View:
    """A folded conversation: its documents by collection and id, and which of them the last fold changed."""

    tenant: str
    key: str
    sequence: int = 0
    epoch: int = 0
    waiting: Waiting | None = None
    documents: Mapping[Place, Body] = field(default_factory=dict)
    changed: Mapping[Place, Body] = field(default_factory=dict)


def store(view: View, entry: LogEntry, place: Place, body: Body) -> View:
    """A document as of this entry."""
    full = {**body, "tenant": view.tenant, "key": view.key, "as_of_seq": entry.sequence}
    kept = view.documents if place[0] in NOT_KEPT else {**view.documents, place: full}
    return replace(view, documents=kept, changed={**view.changed, place: full})


def show_conversation(view: View, entry: LogEntry, **changes: JsonValue) -> View:
    """The conversation's own document with these changes."""
    place: Place = ("conversations", f"{view.tenant}/{view.key}")
    known = view.documents.get(place, NEW_CONVERSATION)
    return store(view, entry, place, {**known, **changes, "epoch": view.epoch, "updated_ms": entry.timestamp_ms})
