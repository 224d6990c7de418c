"""What happened in a trial, as its log tells?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.completions import CompletionProduced
from contracts.conversations import ConversationRated, MessageSent
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.handovers import OpenHandover
from contracts.tool_calls import ExecuteToolCall, ToolCallCompleted, ToolCallFact, ToolCallFailed
from hil.eval.results import Execution


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call, whatever number of attempts it took. `outcome` is `completed`, `error` (the tool's own word), an error
    class, or `unknown`."""

    tool: str
    arguments: Mapping[str, JsonValue]
    outcome: str


@dataclass(frozen=True, slots=True)
class Observation:
    """`sink` is None where an execution has not ended, or was handed over without the packet that a person needs."""

    sink: str | None = None
    reason: str | None = None
    detail: str = ""
    replies: tuple[str, ...] = ()
    output: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    executions: tuple[Execution, ...] = ()
    completions: int = 0
    cached: int = 0
    versions: frozenset[str] = frozenset()
    rating: int | None = None

    def scope(self) -> dict[str, JsonValue]:
        """What checks read."""
        return {
            "sink": self.sink,
            "reason": self.reason,
            "reply": self.replies[-1] if self.replies else "",
            "replies": list(self.replies),
            "output": self.output,
            "tool_calls": [
                {"tool": call.tool, "arguments": dict(call.arguments), "outcome": call.outcome}
                for call in self.tool_calls
            ],
            "cost_usd": sum(one.cost_microdollars for one in self.executions) / 1e6,
            "latency_ms": max((one.latency_ms for one in self.executions), default=0),
        }


def observe(entries: Iterable[LogEntry]) -> Observation:
    """Of a whole log, in its order."""
    entries = list(entries)
    messages = [entry.message for entry in entries if entry.message is not None]
    ends = [message for message in messages if isinstance(message, ExecutionFinished)]
    completions = [message for message in messages if isinstance(message, CompletionProduced)]
    ratings = [message.rating for message in messages if isinstance(message, ConversationRated)]
    last = ends[-1] if ends else None
    return Observation(
        sink=None if last is None else _sink(last, messages),
        reason=None if last is None else last.reason,
        detail="" if last is None else last.detail,
        replies=tuple(
            message.text for message in messages if isinstance(message, MessageSent) and message.author == "ai"
        ),
        output=None if last is None else last.output,
        tool_calls=_tool_calls(entries),
        executions=tuple(map(_execution, ends)),
        completions=len(completions),
        cached=sum(message.cache != "none" for message in completions),
        versions=frozenset(end.version for end in ends),
        rating=ratings[0] if ratings else None,
    )


def _sink(end: ExecutionFinished, messages: Iterable[Message]) -> str | None:
    packets = (message for message in messages if isinstance(message, OpenHandover))
    needs_packet = end.sink == "HANDOVER" and end.mode == "conversation"
    if needs_packet and not any(packet.turn_id == end.turn_id for packet in packets):
        return None
    return end.sink


def _execution(end: ExecutionFinished) -> Execution:
    return Execution(
        sink=end.sink,
        success=end.success and not end.default_response,
        is_turn=end.turn_id is not None,
        reason=end.reason,
        cost_microdollars=max(0, end.cost_microdollars),
        latency_ms=max(0, end.finished_ms - end.started_ms),
        replayed=end.replayed,
    )


def _tool_calls(entries: Iterable[LogEntry]) -> tuple[ToolCall, ...]:
    """In the order in which they were first asked for, each with the outcome of its last attempt. A `tool_call_id` is
    one call of its iteration only: another turn has it again."""
    asked: dict[str, ExecuteToolCall] = {}
    attempts: dict[str, str] = {}
    outcomes: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry.message, ExecuteToolCall):
            asked.setdefault(entry.message.idempotency_key, entry.message)
            attempts[entry.message.idempotency_key] = entry.id
        elif isinstance(entry.message, ToolCallFact):
            outcomes[entry.message.command_id] = _outcome(entry.message)
    return tuple(
        ToolCall(call.tool, call.arguments, outcomes.get(attempts[key], "unknown")) for key, call in asked.items()
    )


def _outcome(fact: ToolCallFact) -> str:
    match fact:
        case ToolCallCompleted():
            return "error" if fact.is_error else "completed"
        case ToolCallFailed():
            return fact.error_class
        case _:
            return fact.route.name.removeprefix("tool_call.")
