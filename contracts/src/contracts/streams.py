"""Which streams, buckets and consumers exist, and within what limits?"""

from dataclasses import dataclass, field
from functools import cache

from contracts.alerts import AlertChanged
from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.conversations import (
    AnnounceMessage,
    CloseConversation,
    ConversationClosed,
    ConversationRated,
    MessageReceived,
    MessageSent,
    MessageSuppressed,
    SendMessage,
    TurnRefused,
    UnsendMessage,
)
from contracts.costs import CostRecorded
from contracts.envelope import Message
from contracts.evaluations import EvaluationFinished
from contracts.executions import ExecutionFinished, PatternDetected, StartExecution, StopExecution, TimerFired
from contracts.experiments import ExperimentExposed
from contracts.handover_clocks import (
    ApprovalDelivered,
    HandoverBreached,
    HandoverDelivered,
    HandoverDue,
    HandoverSnoozed,
    HandoverWoken,
    OverrideHandover,
    SnoozeHandover,
    TransferHandover,
    WakeHandover,
)
from contracts.handovers import (
    ApprovalDecided,
    ClaimHandover,
    DecideApproval,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenApproval,
    OpenHandover,
    ReleaseHandover,
    ResolveHandover,
    ReturnHandover,
)
from contracts.kpis import KpiRecorded
from contracts.notes import AddNote, NoteAdded
from contracts.subjects import EVERYTHING, every_version_of, type_without_version
from contracts.suggestions import OfferSuggestion, RequestSuggestion, SettleSuggestion, SuggestionSettled
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One JetStream stream. `bytes_max` -1 is without limit: the log never expires by itself (ARCHITECTURE 1)."""

    name: str
    subjects: tuple[str, ...]
    bytes_max: int = -1
    message_bytes_max: int = 1_048_576
    duplicate_window_seconds: float = 120.0
    schedules: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """One durable pull consumer. `ack_pending_max` bounds what is delivered and not yet acknowledged.

    After `ack_wait_seconds` without a sign of life a delivery is made again: soon, since long work says three times
    within it that it goes on, and only a process that died says nothing. `reads_all`: it gets every message, and passes
    over the types of others; for who wants most of them and must catch up fast (ADR-0023)."""

    name: str
    types: tuple[type[Message], ...]
    ack_wait_seconds: float = 6.0
    ack_pending_max: int = 1_000
    extra_filters: tuple[str, ...] = field(default=())
    reads_all: bool = False

    @property
    def filters(self) -> tuple[str, ...]:
        """Subject filters, every major version of each type; one of all messages where it reads all."""
        if self.reads_all:
            return (EVERYTHING,)
        return tuple(every_version_of(kind.route) for kind in self.types) + self.extra_filters

    def passes_over(self, subject: str) -> bool:
        """Whether a message that it gets is of no type that it wants, in any version."""
        return self.reads_all and type_without_version(subject) not in _wanted_by(self.types)


@cache
def _wanted_by(types: tuple[type[Message], ...]) -> frozenset[str]:
    return frozenset(type_without_version(every_version_of(kind.route)) for kind in types)


LOG = StreamSpec(
    name="HIL_LOG",
    subjects=("hil.cmd.*.*.*.*.*", "hil.evt.*.*.*.*.*", "hil.timer.*.*.*"),
    schedules=True,
)
DEAD_LETTERS = StreamSpec(name="HIL_DLQ", subjects=("hil.dlq.>",), bytes_max=1 << 30)
STREAMS = (LOG, DEAD_LETTERS)

WORKFLOWS_BUCKET = "hil_workflows"
"""KV: `version.<hash>` holds the YAML of a version, `default.<tenant>.<name>` the hash in force, `route.<tenant>` the
name of the workflow of messages that name none."""
WORKFLOW_FACTS_BUCKET = "hil_workflow_facts"
"""KV: `<tenant>.<name>` holds the WorkflowFacts of the version in force as JSON; who puts it in force writes, analytics
reads."""
TOOLS_BUCKET = "hil_tools"
"""KV: `<server>.<tool>` holds a ToolDescription as JSON; the tool runner writes, who calls or shows tools reads."""
TOOL_BLESSINGS_BUCKET = "hil_tool_blessings"
"""KV: `<server>` holds the versions of its tools that may be called as JSON; the tool runner writes what a server lists
first, `hil tool bless` what it changed since."""
PAYLOADS_BUCKET = "hil_payloads"
"""Object store: content of more than PAYLOAD_BYTES_MAX by sha256."""
BUDGETS_BUCKET = "hil_budgets"
"""KV: `<tenant in hex>.<scope kind>.<scope id in hex>` holds the caps of a scope by window as JSON; the gateway writes
and reads."""
AI_STOPS_BUCKET = "hil_ai_stops"
"""KV: `<tenant>.<queue>` says as JSON `{"by", "at_ms", "reason", "workflows"}` that the AI does not speak in
conversations of these workflows (`*`: of all); the inbox writes, the orchestrator reads."""
EXPERIMENTS_BUCKET = "hil_experiments"
"""KV: `<tenant>` holds the experiments of a tenant as JSON (`contracts.experiments.Experiments`); `hil experiment`
writes, the orchestrator and analytics read."""
ARCHIVE_BUCKET = "hil_archive"
"""Object store: closed logs, one compressed file a key, named `<tenant>.<key>`."""

ORCHESTRATOR_INPUTS: tuple[type[Message], ...] = (
    MessageReceived,
    SendMessage,
    UnsendMessage,
    AnnounceMessage,
    RequestSuggestion,
    CloseConversation,
    StartExecution,
    StopExecution,
    TimerFired,
    CompletionProduced,
    CompletionFailed,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
    ToolCallApprovalRequired,
    HandoverClaimed,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    ApprovalDecided,
    BudgetExhausted,
    BudgetRaised,
)
ORCHESTRATOR = ConsumerSpec("orchestrator", ORCHESTRATOR_INPUTS, ack_pending_max=5_000)
ARCHIVER = ConsumerSpec("archiver", (ConversationClosed, ExecutionFinished), ack_pending_max=1)
LLM_GATEWAY = ConsumerSpec("llm-gateway", (RequestCompletion, RaiseBudget))
TOOL_RUNNER = ConsumerSpec("tool-runner", (ExecuteToolCall,), ack_pending_max=10_000)
"""Calls that wait for a place or a rate wait in the bus."""
HIL_INBOX_COMMANDS = ConsumerSpec(
    "hil-inbox-commands",
    (
        ClaimHandover,
        ReleaseHandover,
        ResolveHandover,
        ReturnHandover,
        TransferHandover,
        OverrideHandover,
        SnoozeHandover,
        WakeHandover,
        DecideApproval,
        AddNote,
        SettleSuggestion,
    ),
)
HIL_INBOX_CLOCKS = ConsumerSpec(
    "hil-inbox-clocks",
    (
        OpenHandover,
        OpenApproval,
        HandoverDue,
        MessageReceived,
        MessageSent,
        HandoverClaimed,
        HandoverReleased,
        HandoverResolved,
        HandoverReturned,
        HandoverSnoozed,
        HandoverWoken,
    ),
)
"""What starts, stops or ends a clock, and what the inbox owes an answer without being asked by a person."""
HIL_INBOX_EVENTS = ConsumerSpec(
    "hil-inbox-events",
    (
        OpenHandover,
        OpenApproval,
        MessageReceived,
        MessageSent,
        MessageSuppressed,
        HandoverClaimed,
        HandoverReleased,
        HandoverResolved,
        HandoverReturned,
        HandoverRefused,
        ApprovalDecided,
        ExecutionFinished,
        ConversationClosed,
        PatternDetected,
        BudgetExhausted,
        ApprovalDelivered,
        HandoverDelivered,
        HandoverBreached,
        HandoverDue,
        HandoverSnoozed,
        HandoverWoken,
        NoteAdded,
        OfferSuggestion,
        SuggestionSettled,
        ConversationRated,
    ),
)
ANALYTICS = ConsumerSpec(
    "analytics",
    (
        ExecutionFinished,
        MessageReceived,
        MessageSent,
        MessageSuppressed,
        ConversationRated,
        TurnRefused,
        OpenHandover,
        HandoverClaimed,
        HandoverReleased,
        HandoverResolved,
        HandoverReturned,
        HandoverRefused,
        ApprovalDecided,
        CompletionProduced,
        CompletionFailed,
        ToolCallCompleted,
        ToolCallFailed,
        ToolCallOutcomeUnknown,
        ToolCallApprovalRequired,
        BudgetExhausted,
        BudgetRaised,
        CostRecorded,
        KpiRecorded,
        ExperimentExposed,
        EvaluationFinished,
    ),
    ack_pending_max=4_000,
    reads_all=True,
)
ALERT_PUSHES = ConsumerSpec("analytics-alerts", (AlertChanged,), ack_pending_max=100)
"""Alerts on their way to a webhook."""
