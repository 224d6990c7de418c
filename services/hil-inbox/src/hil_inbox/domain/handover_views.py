"""What do people see of a handover?"""

import json
from dataclasses import replace

from pydantic import JsonValue

from contracts.envelope import LogEntry
from contracts.handovers import (
    HandoverClaimed,
    HandoverFact,
    HandoverReleased,
    HandoverReturned,
    OpenHandover,
    PacketAction,
)
from hil_inbox.domain.read_model import PRIORITY_RANKS, Body, Place, View, show_conversation, store

PACKET_BYTES_MAX = 900_000
"""A document holds 1 MiB; a larger packet is shortened, and says so."""


def show_handover(view: View, entry: LogEntry, message: OpenHandover) -> View:
    """A new handover with its packet; opening it twice is opening it once."""
    place: Place = ("handovers", message.handover_id)
    if place in view.documents:
        return view
    view = replace(view, epoch=max(view.epoch, message.ownership_epoch))
    body: Body = {
        "state": "open",
        "reason": message.reason,
        "detail": message.detail[:2_000],
        "ask": message.packet.ask[:2_000],
        "skills": list(message.skills),
        "priority": message.priority,
        "rank": PRIORITY_RANKS[message.priority],
        "turn_id": message.turn_id,
        "execution_id": message.execution_id,
        "owner_id": None,
        "epoch": view.epoch,
        "opened_ms": entry.timestamp_ms,
    }
    view = store(view, entry, place, body)
    view = store(view, entry, ("packets", message.handover_id), {"packet": fit_packet(message)})
    return show_conversation(view, entry, handover_id=message.handover_id, is_closed=False)


def fit_packet(message: OpenHandover) -> JsonValue:
    """The packet as JSON. If it is too large for a document, texts go in this order: transcript (the conversation's
    own pages hold it), results of actions that are known to have ended, all actions with facts and summary."""
    packet: dict[str, JsonValue] = message.packet.model_dump(mode="json")
    shorter: tuple[dict[str, JsonValue], ...] = (
        {},
        {"transcript": [], "transcript_is_complete": False},
        {"actions": [_shortened(action) for action in message.packet.actions]},
        {"actions": [], "facts": {}, "summary": []},
    )
    for cut in shorter:
        packet = {**packet, **cut}
        if len(json.dumps(packet).encode()) <= PACKET_BYTES_MAX:
            return packet
    return {"schema_version": 1, "reason": message.reason, "transcript_is_complete": False}


def _shortened(action: PacketAction) -> JsonValue:
    """Without its result; what is known of an unknown one is what a person decides by, and is short."""
    return action.model_dump(mode="json") | ({} if action.outcome == "unknown" else {"result": None})


def show_speaker(view: View, entry: LogEntry, fact: HandoverFact) -> View:
    """Who owns the handover and the conversation after a fact of a newer epoch."""
    if fact.ownership_epoch <= view.epoch:
        return view
    view = replace(view, epoch=fact.ownership_epoch)
    state, owner_id, handover_id = _standing(fact)
    place: Place = ("handovers", fact.handover_id)
    taken_over: Body = {
        "reason": "taken_over",
        "detail": "",
        "ask": "",
        "skills": [],
        "priority": "normal",
        "rank": 2,
        "opened_ms": entry.timestamp_ms,
    }
    changes: dict[str, JsonValue] = {
        "state": state,
        "owner_id": owner_id,
        "epoch": view.epoch,
        "actor_id": fact.actor_id,
    }
    changes[f"{state}_ms"] = entry.timestamp_ms
    if isinstance(fact, HandoverReleased):  # It does not go back at once to whom it was taken from.
        changes |= {"taken_from": fact.previous_owner_id, "released_ms": entry.timestamp_ms}
    known = view.documents.get(place, taken_over)
    view = store(view, entry, place, {**known, **changes})
    return show_conversation(view, entry, owner_id=owner_id, handover_id=handover_id)


def _standing(fact: HandoverFact) -> tuple[str, str | None, str | None]:
    """(state of the handover, who owns the conversation, which handover is open) after this fact."""
    match fact:
        case HandoverClaimed():
            return "claimed", fact.agent_id, fact.handover_id
        case HandoverReleased():
            return "open", None, fact.handover_id
        case HandoverReturned():
            return "returned", None, None
        case _:
            return "resolved", None, None
