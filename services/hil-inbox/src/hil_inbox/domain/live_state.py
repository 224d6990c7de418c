"""Who types, who looks at what, who is there: what was said last, and for how long does it hold?"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from hil_inbox.domain.feed_frames import told

STATES_MAX = 10_000
HOLDS_MS = {"typing": 10_000, "viewing": 10_000, "presence": 30_000}
LiveKey = tuple[str, str, str, str]
"""(kind, tenant, conversation or agent, who)."""


@dataclass(frozen=True, slots=True)
class Live:
    """One thing that holds for a while."""

    key: LiveKey
    frame: bytes
    until_ms: int


def live_of(kind: str, tenant: str, about: str, body: Mapping[str, JsonValue], *, now_ms: int) -> Live | None:
    """What a message on `hil.live.<kind>.<tenant>.<about>` says; None for what is none of ours."""
    if kind not in HOLDS_MS:
        return None
    actor_id = body.get("actor_id", "")
    if not isinstance(actor_id, str):
        return None
    return Live((kind, tenant, about, actor_id), told(kind, body), now_ms + HOLDS_MS[kind])


@dataclass(slots=True)
class LiveBoard:
    """What holds now, the newest of each, bounded: the one said first makes room."""

    _states: OrderedDict[LiveKey, Live] = field(default_factory=OrderedDict)

    def put(self, live: Live) -> None:
        """The newest of its key."""
        self._states[live.key] = live
        self._states.move_to_end(live.key)
        if len(self._states) > STATES_MAX:
            self._states.popitem(last=False)

    def current(self, tenant: str, *, now_ms: int) -> Sequence[Live]:
        """For somebody who comes late."""
        over = [key for key, live in self._states.items() if live.until_ms <= now_ms]
        for key in over:
            del self._states[key]
        return [live for live in self._states.values() if live.key[1] == tenant]
