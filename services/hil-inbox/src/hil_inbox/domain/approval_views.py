"""What do people see of an approval?"""

from contracts.envelope import LogEntry
from contracts.handover_clocks import ApprovalDelivered
from contracts.handovers import ApprovalDecided, OpenApproval
from hil_inbox.domain.read_model import PRIORITY_RANKS, Body, Place, View, store

EXPIRED = "expired"
LATE = "late_verdict"


def show_approval(view: View, entry: LogEntry, message: OpenApproval) -> View:
    """A new approval; opening it twice is opening it once."""
    place: Place = ("approvals", message.approval_id)
    if place in view.documents:
        return view
    body = message.model_dump(mode="json", exclude={"based_on", "workflow_hash", "approval_id"})
    body |= {"state": "pending", "rank": PRIORITY_RANKS[message.priority], "opened_ms": entry.timestamp_ms}
    return expire_approvals(store(view, entry, place, body), entry)


def show_delivery(view: View, entry: LogEntry, message: ApprovalDelivered) -> View:
    """In which queue it waits."""
    place: Place = ("approvals", message.approval_id)
    known = view.documents.get(place)
    if known is None:
        return view
    return store(view, entry, place, {**known, "queue": message.queue, "fallback": message.fallback})


def show_verdict(view: View, entry: LogEntry, message: ApprovalDecided) -> View:
    """The first verdict stays. One that the log took after the time was over is kept as what it is: the orchestrator
    does not follow it."""
    known = view.documents.get(("approvals", message.approval_id))
    if known is None or known["state"] == "decided" or LATE in known:
        return view
    verdict = message.model_dump(mode="json", exclude={"approval_id"})
    if known.get("outcome") == EXPIRED:
        body = {**known, LATE: verdict}
    else:
        body = {**known, "state": "decided", "decided_ms": entry.timestamp_ms, "verdict": verdict}
    return store(view, entry, ("approvals", message.approval_id), body)


def close_approvals(view: View, entry: LogEntry, execution_id: str) -> View:
    """An execution that ended waits for no verdict any more."""
    for place, body in view.documents.items():
        if place[0] == "approvals" and body["state"] == "pending" and body["execution_id"] == execution_id:
            view = store(view, entry, place, {**body, "state": "closed", "closed_ms": entry.timestamp_ms})
    return view


def expire_approvals(view: View, entry: LogEntry) -> View:
    """By the time of this entry, which is the log's and so the orchestrator's, nobody's word on these counts now."""
    for place, body in view.documents.items():
        if place[0] == "approvals" and body["state"] == "pending" and _expires_ms(body) <= entry.timestamp_ms:
            over = {**body, "state": "closed", "outcome": EXPIRED, "closed_ms": body["expires_ms"]}
            view = store(view, entry, place, over)
    return view


def _expires_ms(body: Body) -> int:
    expires_ms = body["expires_ms"]
    assert isinstance(expires_ms, int)
    return expires_ms
