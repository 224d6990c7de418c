"""To which subjects does a message of the log contribute, and what to each?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from analytics.domain.cells import COARSER, Subject
from analytics.domain.contribute import contribution_of, label_of, without_zeros
from analytics.domain.experiment_units import in_experiment
from analytics.domain.failure_figures import failures_of
from analytics.domain.in_conversation import in_conversation
from analytics.domain.rollup import Contribution
from contracts.completions import CompletionFailed, CompletionProduced
from contracts.conversations import MessageSent
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished, NodeMetrics
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverReleased, HandoverResolved, HandoverReturned
from contracts.tool_calls import (
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)

Completion = CompletionProduced | CompletionFailed
ToolCall = ToolCallCompleted | ToolCallFailed | ToolCallOutcomeUnknown | ToolCallApprovalRequired
ByPeople = HandoverClaimed | HandoverReleased | HandoverResolved | HandoverReturned | ApprovalDecided | MessageSent


def contributions_of(tenant: str, key: str, entry: LogEntry) -> tuple[Contribution, ...]:
    """Each subject once. The first is the workflow version or the tenant, the second the conversation."""
    first = contribution_of(tenant, entry)
    unit = in_experiment(tenant, key, entry)
    units = () if unit is None else (unit,)
    parts = (first, in_conversation(tenant, key, entry), *units, *_details(tenant, key, entry))
    return (*parts, *(_coarser(part) for part in parts if part.subject.family in COARSER))


def _coarser(part: Contribution) -> Contribution:
    family, dimensions = COARSER[part.subject.family]
    known = {name: getattr(part.subject, name) for name in dimensions}
    return replace(part, subject=Subject(family=family, **known))


def _details(tenant: str, key: str, entry: LogEntry) -> Iterable[Contribution]:
    match entry.message:
        case ExecutionFinished() as message:
            return (*_once_each(_nodes(tenant, entry, message)), *failures_of(tenant, key, entry, message))
        case CompletionProduced() | CompletionFailed() as message:
            return (_completion(tenant, entry, message),)
        case ToolCallCompleted() | ToolCallFailed() | ToolCallOutcomeUnknown() | ToolCallApprovalRequired() as message:
            return (_tool_call(tenant, entry, message),)
        case (
            HandoverClaimed() | HandoverReleased() | HandoverResolved() | HandoverReturned() | ApprovalDecided()
        ) as message:
            return (_person(tenant, entry, message),)
        case MessageSent(author="human_agent", author_id=str()) as message:
            return (_person(tenant, entry, message),)
        case _:
            return ()


def _nodes(tenant: str, entry: LogEntry, message: ExecutionFinished) -> Iterator[Contribution]:
    workflow, version = label_of(message.workflow), label_of(message.version)
    for node in message.nodes:
        subject = Subject(
            tenant,
            "nodes",
            workflow,
            version,
            node=label_of(node.node),
            agent=label_of(node.agent or ""),
            stage=message.stage,
            outcome=node.outcome,
        )
        values = {"latency_ms": node.duration_ms, "cost_microdollars": node.cost_microdollars}
        yield Contribution(entry.sequence, subject, _of_node(node), values)


def _of_node(node: NodeMetrics) -> dict[str, int]:
    counts = {
        "runs": 1,
        f"runs_by_outcome.{node.outcome}": 1,
        "attempts": node.attempts,
        "completions": node.completions,
        "tool_calls": node.tool_calls,
        "cost_microdollars": node.cost_microdollars,
    }
    if node.error_class is not None:
        counts[f"failures_by_error_class.{label_of(node.error_class)}"] = 1
    return without_zeros(counts)


def _completion(tenant: str, entry: LogEntry, message: Completion) -> Contribution:
    failed = isinstance(message, CompletionFailed)
    subject = Subject(
        tenant,
        "completions",
        label_of(message.workflow),
        node=label_of(message.node),
        model=label_of(message.model or "unknown"),
        outcome="failed" if failed else "produced",
    )
    counts = {
        "completions": 1,
        "failed": int(failed),
        f"completions_by_cache.{label_of(message.cache)}": 1,
        "cost_microdollars": message.cost_microdollars,
        "tokens_input": message.tokens_input,
        "tokens_cached": message.tokens_cached,
        "tokens_output": message.tokens_output,
        "fallbacks": len(message.fallbacks),
    }
    if isinstance(message, CompletionFailed):
        counts[f"failed_by_error_class.{label_of(message.error_class)}"] = 1
    values = {"latency_ms": message.latency_ms, "cost_microdollars": message.cost_microdollars}
    return Contribution(entry.sequence, subject, without_zeros(counts), values)


def _tool_call(tenant: str, entry: LogEntry, message: ToolCall) -> Contribution:
    outcome = message.route.name.removeprefix("tool_call.")
    subject = Subject(
        tenant,
        "tools",
        label_of(message.workflow),
        node=label_of(message.node),
        tool=label_of(message.tool),
        outcome=outcome,
    )
    counts = {"calls": 1, f"calls_by_outcome.{outcome}": 1, "cost_microdollars": message.cost_microdollars}
    if isinstance(message, ToolCallFailed):
        counts[f"failed_by_error_class.{label_of(message.error_class)}"] = 1
    if isinstance(message, ToolCallCompleted):
        counts |= {"tool_errors": int(message.is_error), "repeated": int(message.repeated)}
    values = {"latency_ms": message.latency_ms} if isinstance(message, ToolCallCompleted) else {}
    return Contribution(entry.sequence, subject, without_zeros(counts), values)


def _person(tenant: str, entry: LogEntry, message: ByPeople) -> Contribution:
    match message:
        case MessageSent():
            who, counts = message.author_id, {"replies": 1}
        case HandoverClaimed():
            who, counts = message.agent_id, {"claims": 1, f"claims_by_reason.{label_of(message.reason)}": 1}
        case ApprovalDecided():
            who, counts = message.actor_id, {"verdicts": 1, f"verdicts_by_kind.{message.verdict}": 1}
        case _:
            who, counts = message.actor_id, {message.route.name.removeprefix("handover."): 1}
    return Contribution(entry.sequence, Subject(tenant, "people", person=label_of(who or "")), counts)


def _once_each(contributions: Iterable[Contribution]) -> Iterable[Contribution]:
    """A message counts once in a cell: what it adds to the same subject twice is one sum, with the values of one."""
    found: dict[Subject, Contribution] = {}
    for one in contributions:
        known = found.get(one.subject)
        counts = one.counts if known is None else _sums(known.counts, one.counts)
        found[one.subject] = Contribution(one.sequence, one.subject, counts, one.values)
    return found.values()


def _sums(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in first.keys() | second.keys()}
