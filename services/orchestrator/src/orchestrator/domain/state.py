"""What is known of one conversation or standalone execution: the value that its log folds to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from contracts.budgets import BudgetRaised, RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion
from contracts.conversations import AnnounceMessage, MessageReceived, SendMessage
from contracts.executions import StartExecution
from contracts.experiments import ExperimentExposed
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.suggestions import RequestSuggestion
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.domain.workflow import JsonValue

Command: TypeAlias = RequestCompletion | ExecuteToolCall | OpenApproval | RaiseBudget
Result: TypeAlias = (
    CompletionProduced
    | CompletionFailed
    | ToolCallCompleted
    | ToolCallFailed
    | ToolCallOutcomeUnknown
    | ToolCallApprovalRequired
    | ApprovalDecided
    | BudgetRaised
)
DRAFT_NODE = "~suggestion"
"""Node of requests for drafts, which belong to no execution."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A command of the current execution; its time is the decision's own, `message.based_on.now_ms`."""

    id: str
    message: Command

    @property
    def at_ms(self) -> int:
        return self.message.based_on.now_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command, and the log time and place at which it came."""

    sequence: int
    at_ms: int
    message: Result


@dataclass(frozen=True, slots=True)
class Turn:
    """One customer message that may start an execution."""

    input_id: str
    sequence: int
    received_ms: int
    message: MessageReceived
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that starts no turn, until the decision that says so is in the log."""

    input_id: str
    turn_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class HumanMessage:
    """A human agent's reply on its way to the customer; it is held until `due_ms`, in log time."""

    input_id: str
    sequence: int
    due_ms: int
    message: SendMessage

    @property
    def unsend_key(self) -> tuple[str, str]:
        """Only its author takes a reply back."""
        return self.message.message_id, self.message.author_id


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message of the house on its way to the customer."""

    input_id: str
    sequence: int
    message: AnnounceMessage


@dataclass(frozen=True, slots=True)
class SuggestionAsk:
    """A human agent's wish for a draft, until it is offered."""

    input_id: str
    sequence: int
    message: RequestSuggestion


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript. `turn_id`: the turn that it answers."""

    id: str
    sequence: int
    author: str
    text: str
    at_ms: int
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands for all lines up to a sequence."""

    text: str
    until: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody asked to end what was going on before `sequence`."""

    input_id: str
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A handover that is decided: whatever comes in now, the execution ends with it."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Execution:
    """One execution from its first decision on. `default_reason` is set once a default response was sent; `experiment`
    chose the version, if one did."""

    id: str
    workflow_hash: str
    started_ms: int
    ownership_epoch: int
    turn_id: str | None = None
    commands: Mapping[str, Issued] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    reply_id: str | None = None
    default_reason: str | None = None
    ending: Ending | None = None
    experiment: str | None = None


@dataclass(frozen=True, slots=True)
class FactSource:
    """Who found a fact, and when."""

    actor_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Return:
    """What a person said when giving the conversation back to the AI; its facts are in `Conversation.facts`."""

    sequence: int
    outcome: str
    promises: tuple[str, ...]
    not_again: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """The request of a standalone execution."""

    input_id: str
    sequence: int
    received_ms: int
    message: StartExecution


@dataclass(frozen=True)
class Conversation:
    """The fold of one key's log.

    `last_sequence` is the end of the complete prefix, hence the fence. `log_ms` is the newest log time of an input:
    what is due is judged by it, never by a clock. `woken`: sequence of the newest timer that fired. `uncovered` are the
    ids of inputs that no decision names yet. `ai_since`: turns up to this sequence belong to human agents.
    `close_asked`: sequence of the newest wish to close; a later message of the customer overrules it. `calls`: the
    newest tool calls of executions that ended, whose results may still come. `unsent`: replies that their authors took
    back, by message id and author, with the place in the log; also those that have not come yet.
    `returns`: the newest, oldest first. `suggestions`: drafts asked for and not offered yet, `drafts` the requests that
    were made for them, by their ids; `offered` the ids of those that are done. `exposures` by experiment."""

    tenant: str
    key: str
    last_sequence: int = 0
    log_ms: int = 0
    woken: int = 0
    messages: int = 0
    bytes_stored: int = 0
    seen: frozenset[str] = frozenset()
    uncovered: tuple[str, ...] = ()
    start: Start | None = None
    start_refused: bool = False
    turns: Mapping[str, Turn] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    refused: frozenset[str] = frozenset()
    execution: Execution | None = None
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    finished: int = 0
    finished_ms: int = 0
    workflow_hash: str | None = None
    ownership_epoch: int = 0
    owner: str | None = None
    open_handover: str | None = None
    ai_since: int = 0
    human_messages: Mapping[str, HumanMessage] = field(default_factory=dict)
    human_handled: frozenset[str] = frozenset()
    unsent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    announcements: Mapping[str, Announcement] = field(default_factory=dict)
    transcript: tuple[Line, ...] = ()
    sent_ids: frozenset[str] = frozenset()
    summary: Summary | None = None
    calls: tuple[Issued, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    fact_sources: Mapping[str, FactSource] = field(default_factory=dict)
    returns: tuple[Return, ...] = ()
    suggestions: Mapping[str, SuggestionAsk] = field(default_factory=dict)
    drafts: Mapping[str, Issued] = field(default_factory=dict)
    offered: frozenset[str] = frozenset()
    exposures: Mapping[str, ExperimentExposed] = field(default_factory=dict)
    stop: Stop | None = None
    close_asked: int = 0
    is_closed: bool = False
    active_ms: int = 0

    @property
    def ai_speaks(self) -> bool:
        """Whether the AI may begin an execution."""
        return self.owner is None and self.open_handover is None

    @property
    def status(self) -> str:
        """The state machine of SPEC O3, for people."""
        if self.owner is not None:
            return "human_active"
        if self.open_handover is not None:
            return "pending_human"
        if self.execution is not None:
            return "ai_processing"
        if self.is_closed:
            return "closed"
        return "finished" if self.finished else "new"


Value = TypeVar("Value", Conversation, Execution)


def evolve(value: Value, **changes: object) -> Value:
    """`value` with some fields changed. dataclasses.replace took 12 µs for these two, several times a message; so they
    are the ones without slots, and a copy of their fields takes 0.6 µs."""
    copy = object.__new__(type(value))
    copy.__dict__.update(value.__dict__)
    copy.__dict__.update(changes)
    return copy
