"""What do people see of an approval?"""

from contracts.envelope import LogEntry
from contracts.handovers import ApprovalDecided, OpenApproval
from hil_inbox.domain.read_model import PRIORITY_RANKS, View, store


def show_approval(view: View, entry: LogEntry, message: OpenApproval) -> View:
    """A new approval; opening it twice is opening it once."""
    place = ("approvals", message.approval_id)
    if place in view.documents:
        return view
    body = message.model_dump(mode="json", exclude={"based_on", "workflow_hash", "approval_id"})
    body |= {"state": "pending", "rank": PRIORITY_RANKS[message.priority], "opened_ms": entry.timestamp_ms}
    return store(view, entry, ("approvals", message.approval_id), body)


def show_verdict(view: View, entry: LogEntry, message: ApprovalDecided) -> View:
    """The first verdict stays."""
    known = view.documents.get(("approvals", message.approval_id))
    if known is None or known["state"] == "decided":
        return view
    verdict = message.model_dump(mode="json", exclude={"approval_id"})
    body = {**known, "state": "decided", "decided_ms": entry.timestamp_ms, "verdict": verdict}
    return store(view, entry, ("approvals", message.approval_id), body)


def close_approvals(view: View, entry: LogEntry, execution_id: str) -> View:
    """An execution that ended waits for no verdict any more."""
    for place, body in view.documents.items():
        if place[0] == "approvals" and body["state"] == "pending" and body["execution_id"] == execution_id:
            view = store(view, entry, place, {**body, "state": "closed", "closed_ms": entry.timestamp_ms})
    return view
