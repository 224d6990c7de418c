"""What does the inbox owe a question to people: a queue to wait in, and a look when its time is over?"""

from collections.abc import Iterable

from contracts.handover_clocks import ApprovalDelivered
from contracts.handovers import OpenApproval
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.ownership import Ownership
from hil_inbox.domain.queues import Asked, Queue, Queues
from hil_inbox.domain.surroundings import Surroundings

REASON = "approval"
"""By this word the file of queues tells questions from handovers."""


def undelivered(state: Ownership) -> list[OpenApproval]:
    """Those that wait in no queue yet."""
    return [asked for asked in _pending(state) if asked.approval_id not in state.delivered_approvals]


def queue_of(skills: Iterable[str], workflow: str | None, queues: Queues) -> Queue:
    """The first queue that fits a question."""
    return queues.of(Asked(REASON, frozenset(skills), workflow))


def delivery_owed(state: Ownership, around: Surroundings) -> ApprovalDelivered | None:
    """The next one. The customer is told nothing while nobody is there: the AI still speaks, and what happens then is
    what the question declares for its expiry."""
    asked = next(iter(undelivered(state)), None)
    if asked is None:
        return None
    queue = queue_of(asked.skills, asked.workflow, around.queues)
    where = around.manned(queue) or queue
    return ApprovalDelivered(
        approval_id=asked.approval_id,
        queue=where.name,
        agents_online=around.people(where),
        fallback="none" if where is queue else "overflow",
    )


def next_expiry(state: Ownership) -> int:
    """Nothing is owed then: that the log goes on past this time is what takes an approval out of the queue."""
    return min((asked.expires_ms for asked in _pending(state)), default=NEVER_MS)


def _pending(state: Ownership) -> Iterable[OpenApproval]:
    return (
        asked
        for asked in state.approvals.values()
        if asked.approval_id not in state.verdicts
        and asked.execution_id not in state.finished
        and asked.expires_ms > state.log_ms
    )
