"""Which fields of a message tell what happened, where it needs no sentence of its own?"""

from collections.abc import Mapping
from datetime import UTC, datetime

from contracts.alerts import AlertChanged
from contracts.conversations import (
    AnnounceMessage,
    CloseConversation,
    ConversationClosed,
    ConversationRated,
    UnsendMessage,
)
from contracts.costs import CostRecorded
from contracts.envelope import Message
from contracts.evaluations import EvaluationFinished
from contracts.executions import ExecutionRefused, PatternDetected, StopExecution, TimerFired
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
    ClaimHandover,
    DecideApproval,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    ReleaseHandover,
    ResolveHandover,
    ReturnHandover,
)
from contracts.kpis import KpiRecorded
from contracts.notes import AddNote, NoteAdded
from contracts.suggestions import OfferSuggestion, RequestSuggestion, SettleSuggestion, SuggestionSettled

MOVED = ("to_agent_id", "to_queue", "to_team")
TOLD: Mapping[type[Message], tuple[str, ...]] = {
    AnnounceMessage: ("notice", "text"),
    UnsendMessage: ("author_id", "message_id"),
    CloseConversation: ("reason",),
    ConversationClosed: ("reason",),
    ConversationRated: ("rating", "comment"),
    StopExecution: ("asked_by", "reason"),
    ExecutionRefused: ("reason", "detail"),
    TimerFired: ("timer_id", "due_ms"),
    AlertChanged: ("slo", "severity", "after"),
    PatternDetected: ("workflow", "node", "error_class", "failures"),
    ClaimHandover: ("actor_id",),
    ReleaseHandover: ("actor_id",),
    ResolveHandover: ("actor_id", "resolution"),
    ReturnHandover: ("actor_id", "outcome", "promises", "not_again"),
    TransferHandover: ("actor_id", *MOVED, "note"),
    OverrideHandover: ("actor_id", *MOVED[:1], "reason"),
    SnoozeHandover: ("actor_id", "until_ms"),
    WakeHandover: ("actor_id",),
    DecideApproval: ("actor_id", "verdict", "reason"),
    HandoverRefused: ("actor_id", "reason", "detail"),
    HandoverClaimed: ("reason", "agent_id", "note"),
    HandoverReleased: ("reason", "queue", "team", "note"),
    HandoverResolved: ("resolution",),
    HandoverReturned: ("outcome", "promises", "not_again"),
    ApprovalDelivered: ("queue", "fallback"),
    HandoverDelivered: ("queue", "fallback"),
    HandoverDue: ("due_ms",),
    HandoverBreached: ("clock", "owner_id", "queue", "due_ms"),
    HandoverSnoozed: ("actor_id", "until_ms"),
    HandoverWoken: ("actor_id",),
    AddNote: ("actor_id", "text"),
    NoteAdded: ("actor_id", "text"),
    RequestSuggestion: ("actor_id", "instruction"),
    OfferSuggestion: ("origin", "text", "error"),
    SettleSuggestion: ("actor_id", "outcome", "reason"),
    SuggestionSettled: ("actor_id", "outcome", "reason"),
    CostRecorded: ("requests",),
    KpiRecorded: ("name", "value_micros", "currency"),
    ExperimentExposed: ("experiment", "version"),
    EvaluationFinished: ("workflow", "version", "suite", "verdict", "findings"),
}


def named_fields(message: Message) -> str:
    """Their values in order, of those that say something: `ada: billing, an invoice question`. Empty for a message that
    is told in a sentence."""
    values = [(name, getattr(message, name)) for name in TOLD.get(type(message), ())]
    first, *others = [_text(name, value) for name, value in values if value not in (None, "", ())] or [""]
    return f"{first}: {', '.join(others)}" if others else first


def _text(name: str, value: object) -> str:
    if name.endswith("_ms") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, tz=UTC).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, tuple):
        return "; ".join(map(str, value)) if all(isinstance(one, str) for one in value) else f"{len(value)} of {name}"
    return str(value)
