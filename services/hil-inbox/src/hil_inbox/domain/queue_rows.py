"""What does the one list of everything that needs a person show: a row for each handover and each approval?"""

from pydantic import JsonValue

from contracts.envelope import LogEntry
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.read_model import Body, Place, View, store
from hil_inbox.domain.waiting import Waiting, clocks_of, next_due

ASK_CHARACTERS_MAX = 300
DONE = frozenset({"resolved", "returned", "decided", "closed"})
QUIET: Body = {}
LAST = ("last_author", "last_text", "last_ms", "unanswered")
"""What was said stays as it was when a row was done."""


def with_rows(view: View, entry: LogEntry) -> View:
    """The rows of whatever this entry has changed; of a handover's conversation always."""
    handover_id = view.waiting.handover_id if view.waiting is not None else None
    touched = [place for place in view.changed if place[0] == "approvals"]
    if handover_id is not None and ("handovers", handover_id) in view.documents:
        view = _stored(view, entry, handover_id, _handover_row(view, handover_id))
    for place in touched:
        view = _stored(view, entry, place[1], _approval_row(view, place))
    return view


def _stored(view: View, entry: LogEntry, row_id: str, row: dict[str, JsonValue]) -> View:
    """A row that says what it said before is not written again."""
    known = view.documents.get(("queue", row_id), QUIET)
    if known.get("state") == "done":
        row |= {name: known[name] for name in LAST}
    if all(known.get(name) == value for name, value in row.items()) and known:
        return view
    return store(view, entry, ("queue", row_id), row)


def _handover_row(view: View, handover_id: str) -> dict[str, JsonValue]:
    body = view.documents[("handovers", handover_id)]
    waiting = view.waiting
    assert waiting is not None
    return {
        "kind": "handover",
        "state": _state(body, waiting),
        "queue": waiting.queue,
        "team": waiting.team,
        **_common(view, body, handover_id),
        "owner_id": body["owner_id"],
        "epoch": body["epoch"],
        "taken_from": body.get("taken_from"),
        "released_ms": body.get("released_ms"),
        "due_ms": NEVER_MS if body["state"] in DONE or waiting.snoozed_ms is not None else next_due(waiting),
        "clocks": {name: {"due_ms": shown.due_ms, "state": shown.state} for name, shown in clocks_of(waiting).items()},
        "snoozed_until_ms": waiting.snoozed_until_ms,
        "approvals_pending": _pending(view),
        "fallback": waiting.delivered.fallback if waiting.delivered is not None else "none",
        "first_response_ms": waiting.first_response_ms,
        "outcome": body["state"] if body["state"] in DONE else None,
        "closed_ms": waiting.ended_ms,
        "tool": None,
    }


def _approval_row(view: View, place: Place) -> dict[str, JsonValue]:
    body = view.documents[place]
    is_pending = body["state"] == "pending"
    return {
        "kind": "approval",
        "state": "waiting" if is_pending else "done",
        "queue": body.get("queue", ""),
        "team": None,
        **_common(view, body),
        "owner_id": None,
        "epoch": view.epoch,
        "due_ms": body["expires_ms"] if is_pending else NEVER_MS,
        "clocks": {},
        "snoozed_until_ms": None,
        "approvals_pending": 0,
        "fallback": body.get("fallback", "none"),
        "first_response_ms": None,
        "outcome": None if is_pending else _outcome(body),
        "closed_ms": body.get("decided_ms", body.get("closed_ms")),
        "tool": body.get("tool"),
    }


def _outcome(body: Body) -> JsonValue:
    """A verdict; or `expired`, or `closed` as the execution ended before."""
    verdict = body.get("verdict")
    return verdict["verdict"] if isinstance(verdict, dict) else body.get("outcome", body["state"])


def _common(view: View, body: Body, handover_id: str | None = None) -> dict[str, JsonValue]:
    said = view.documents.get(("conversations", f"{view.tenant}/{view.key}"), QUIET)
    return {
        "priority": body["priority"],
        "rank": body["rank"],
        "skills": body.get("skills", []),
        "reason": body.get("reason") or body.get("policy") or body.get("kind"),
        "ask": str(body.get("ask", ""))[:ASK_CHARACTERS_MAX],
        "customer": said.get("customer"),
        "opened_ms": body["opened_ms"],
        "last_author": said.get("last_author"),
        "last_text": said.get("last_text"),
        "last_ms": said.get("last_ms"),
        "unanswered": said.get("unanswered", 0),
        "rating": said.get("rating") if handover_id is not None and said.get("rated_id") == handover_id else None,
    }


def _state(body: Body, waiting: Waiting) -> str:
    if body["state"] in DONE:
        return "done"
    if waiting.snoozed_ms is not None:
        return "snoozed"
    return "waiting" if body["owner_id"] is None else "assigned"


def _pending(view: View) -> int:
    return sum(place[0] == "approvals" and body["state"] == "pending" for place, body in view.documents.items())
