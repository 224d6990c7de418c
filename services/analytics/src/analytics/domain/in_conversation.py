"""What does a message of the log say about its conversation: who wrote, who owned it, when, and what it cost?"""

from collections.abc import Mapping

from analytics.domain.cells import Subject
from analytics.domain.contribute import label_of
from analytics.domain.execution import succeeded
from analytics.domain.kpi_moments import exposure_moment, moment_of, moments_of
from analytics.domain.rollup import Contribution
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed
from contracts.handovers import (
    HandoverClaimed,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenHandover,
)
from contracts.kpis import KpiRecorded
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed, ToolCallOutcomeUnknown

Said = tuple[Mapping[str, int], tuple[str, ...]]
NOTHING: Said = ({}, ())


def in_conversation(tenant: str, key: str, entry: LogEntry) -> Contribution:
    """Counts, and moments in log time, whose names say what they are of: `opened.<reason>.<handover>`,
    `owned.<epoch>.<agent>`, `free.<epoch>`, `ended.<how>.<handover>`, `first.<author>`, `rated.<rating>`, and those of
    kpi_moments.py."""
    counts, names = NOTHING if entry.message is None else _said(entry.message)
    moments = dict.fromkeys(names, entry.timestamp_ms)
    if isinstance(entry.message, ExecutionFinished):
        labels = {"workflow": label_of(entry.message.workflow), "version": label_of(entry.message.version)}
        moments |= moments_of(entry, entry.message, **labels)
    return Contribution(entry.sequence, Subject(tenant, "conversations", key=key), counts, moments=moments)


def _said(message: Message) -> Said:
    match message:
        case MessageReceived(author=author) | MessageSent(author=author):
            return {f"messages.{author}": 1}, (f"first.{author}",)
        case MessageSuppressed(author=author):
            return {f"suppressed.{author}": 1}, ()
        case ConversationRated(rating=rating):
            return {"ratings": 1}, (f"rated.{rating}",)
        case KpiRecorded() as kpi:
            return {"kpi_messages": 1}, (moment_of(kpi),)
        case ExperimentExposed() as exposed:
            return {}, (exposure_moment(exposed),)
        case ExecutionFinished() | CompletionProduced() | CompletionFailed():
            return _by_ai(message), ()
        case ToolCallCompleted() | ToolCallFailed() | ToolCallOutcomeUnknown():
            return {"tool_calls": 1, "tool_cost_microdollars": message.cost_microdollars}, ()
        case _:
            return _of_handover(message)


def _by_ai(message: ExecutionFinished | CompletionProduced | CompletionFailed) -> dict[str, int]:
    if not isinstance(message, ExecutionFinished):
        return {"completions": 1, "completion_cost_microdollars": message.cost_microdollars}
    return {
        "executions": 1,
        "successes": int(succeeded(message)),
        "cost_microdollars": message.cost_microdollars,
        f"workflows.{label_of(message.workflow)}": 1,
    }


def _of_handover(message: Message) -> Said:
    match message:
        case OpenHandover(handover_id=handover_id, reason=reason):
            return {"handovers": 1}, (f"opened.{label_of(reason)}.{label_of(handover_id)}",)
        case HandoverClaimed(ownership_epoch=epoch, agent_id=agent):
            return {"claims": 1}, (f"owned.{epoch}.{label_of(agent)}",)
        case HandoverReleased(ownership_epoch=epoch):
            return {"releases": 1}, (f"free.{epoch}",)
        case HandoverResolved(ownership_epoch=epoch, handover_id=handover_id):
            return {"resolved": 1}, (f"free.{epoch}", f"ended.resolved.{label_of(handover_id)}")
        case HandoverReturned(ownership_epoch=epoch, handover_id=handover_id):
            return {"returned": 1}, (f"free.{epoch}", f"ended.returned.{label_of(handover_id)}")
        case _:
            return NOTHING
