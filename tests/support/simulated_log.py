"""A log in memory with a clock of its own: inputs go in, `decide` is asked until it has nothing to say."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contracts.budgets import BudgetRaised, RaiseBudget
from contracts.completions import CompletionFailed, CompletionProduced, RequestCompletion, ToolCallRequest
from contracts.conversations import AnnounceMessage, MessageReceived, SendMessage, UnsendMessage
from contracts.envelope import Decision, LogEntry, Message, client_message_id
from contracts.executions import StartExecution, TimerFired
from contracts.experiments import Split
from contracts.handovers import ApprovalDecided, HandoverClaimed, HandoverResolved, HandoverReturned, OpenApproval
from contracts.suggestions import RequestSuggestion
from contracts.tool_calls import (
    ExecuteToolCall,
    ToolCallApprovalRequired,
    ToolCallCompleted,
    ToolCallFailed,
    ToolCallOutcomeUnknown,
)
from orchestrator.adapters.workflow_file import load_workflow
from orchestrator.domain.decide import Circumstances, Plan, decide
from orchestrator.domain.fold import fold
from orchestrator.domain.state import Conversation
from orchestrator.domain.workflow import Workflow

TENANT, KEY = "acme", "c1"
START_MS = 1_700_000_000_000


def workflow(source: str) -> Workflow:
    """A workflow from YAML text."""
    return load_workflow(source.encode(), file_name="test.yaml")


@dataclass
class SimulatedLog:
    """One key's log. `say`, `produce` and the like append an input and settle; `decisions` are all that were made."""

    flow: Workflow
    key: str = KEY
    now_ms: int = START_MS
    breakers: frozenset[str] = frozenset()
    stops: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, Split] = field(default_factory=dict)
    arms: tuple[Workflow, ...] = ()
    """Other versions that an experiment may choose."""
    state: Conversation = field(init=False)
    entries: list[LogEntry] = field(default_factory=list)
    plan: Plan = field(default_factory=lambda: Plan(None))
    plans: list[Plan] = field(default_factory=list)
    waits_until: int | None = None
    focus: str | None = None
    """The command to be answered next; None for the oldest that is open."""

    def __post_init__(self) -> None:
        self.state = Conversation(TENANT, self.key)

    @property
    def circumstances(self) -> Circumstances:
        routes = {None: self.flow.content_hash, self.flow.name: self.flow.content_hash}
        known = {one.content_hash: one for one in (self.flow, *self.arms)}
        return Circumstances(self.now_ms, known, routes, self.breakers, self.stops, self.experiments)

    def append(self, message: Message, *, id: str | None = None) -> LogEntry:
        """Store a message without deciding."""
        sequence = len(self.entries) + 1
        body = message.model_dump_json(exclude_defaults=True)
        parsed = type(message).model_validate_json(body)  # What a reader of the real log would get.
        entry = LogEntry(sequence, self.now_ms, id or f"sequence:{sequence}", parsed, len(body))
        self.entries.append(entry)
        self.state = fold(self.state, entry)
        return entry

    def settle(self) -> list[Decision]:
        """Decide until there is nothing to decide; the decisions made."""
        made: list[Decision] = []
        for _ in range(200):
            self.plan = decide(self.state, self.circumstances)
            self.plans.append(self.plan)
            if self.plan.wake_ms is not None:
                self.waits_until = self.plan.wake_ms
            if self.plan.decision is None:
                return made
            self.append(self.plan.decision.message, id=self.plan.decision.id)
            made.append(self.plan.decision.message)
        raise AssertionError("200 decisions in a row")

    def put(self, message: Message, *, id: str | None = None) -> list[Decision]:
        """An input, and what is decided on it."""
        self.append(message, id=id)
        return self.settle()

    def say(self, text: str, turn_id: str = "1", **fields: Any) -> list[Decision]:
        """A customer's message."""
        message = MessageReceived.model_validate({"turn_id": turn_id, "text": text, **fields})
        return self.put(message, id=client_message_id(TENANT, self.key, turn_id=turn_id, text=text))

    def start(self, **fields: Any) -> list[Decision]:
        """A standalone execution."""
        return self.put(StartExecution.model_validate({"workflow": self.flow.name, **fields}), id="start")

    def wait(self, milliseconds: int | None = None) -> list[Decision]:
        """Let time pass (None: until the time that was asked for), and the timer fire."""
        due = self.waits_until if milliseconds is None else self.now_ms + milliseconds
        assert due is not None, "no timer is owed"
        self.now_ms = max(self.now_ms, due)
        return self.put(TimerFired(due_ms=due))

    def open_commands(self) -> list[tuple[str, Any]]:
        """(id, command) without an outcome."""
        execution = self.state.execution
        issued = [*(execution.commands.values() if execution is not None else ()), *self.state.drafts.values()]
        return [(command.id, command.message) for command in issued if command.id not in self.state.outcomes]

    def _command(self, kind: type[Message], node: str | None) -> tuple[str, Any]:
        mine = [(i, m) for i, m in self.open_commands() if self.focus in (None, i)]
        found = [(i, m) for i, m in mine if isinstance(m, kind) and node in (None, m.node)]
        assert found, f"no open {kind.__name__} of node {node}"
        return found[0]

    def produce(self, output: Any = None, *, node: str | None = None, **fields: Any) -> list[Decision]:
        """The oldest open completion is answered: a text, or an object where the request has a schema."""
        command_id, command = self._command(RequestCompletion, node)
        said = {"text": output if isinstance(output, str) else json.dumps(output)}
        parsed = {} if isinstance(output, str) or output is None else {"output": output}
        message = CompletionProduced.model_validate(
            {"command_id": command_id, "node": command.node, **said, **parsed, **fields}
        )
        return self.put(message, id=f"result:{command_id}")

    def call_tools(self, *calls: tuple[str, dict[str, Any]], node: str | None = None) -> list[Decision]:
        """The oldest open completion asks for tool calls."""
        asked = tuple(ToolCallRequest(tool_call_id=f"call{n}", tool=t, arguments=a) for n, (t, a) in enumerate(calls))
        command_id, command = self._command(RequestCompletion, node)
        message = CompletionProduced(command_id=command_id, node=command.node, tool_calls=asked)
        return self.put(message, id=f"result:{command_id}")

    def fail(self, error_class: str = "provider_error", *, node: str | None = None, **fields: Any) -> list[Decision]:
        """The oldest open completion fails."""
        command_id, command = self._command(RequestCompletion, node)
        data = {"command_id": command_id, "node": command.node, "error_class": error_class, "retryable": True, **fields}
        return self.put(CompletionFailed.model_validate(data), id=f"result:{command_id}")

    def refuse(self, scope: str = "node", *, node: str | None = None, **figures: Any) -> list[Decision]:
        """A cap refuses the oldest open completion, as the gateway says it."""
        _, command = self._command(RequestCompletion, node)
        ids = {"node": f"{command.execution_id}/{command.node}", "execution": command.execution_id, "tenant": TENANT}
        known = {"cap_microdollars": 10_000, "spent_microdollars": 8_000, "requested_microdollars": 3_000}
        reached = {"scope": scope, "scope_id": f"{TENANT}/{ids[scope]}", **known, **figures}
        return self.fail("budget_exceeded", node=node, retryable=False, cap_reached=reached, detail=f"{scope} is spent")

    def raised(self, cap_microdollars: int | None = -1, *, id: str | None = None) -> list[Decision]:
        """The gateway raises what it was asked to raise, as far as it was asked to unless told otherwise."""
        command_id, command = self._command(RaiseBudget, None)
        cap = command.cap_microdollars if cap_microdollars == -1 else cap_microdollars
        place = {"scope": command.scope, "scope_id": command.scope_id, "window": command.window}
        fact = BudgetRaised.model_validate({"command_id": command_id, **place, "cap_microdollars": cap})
        return self.put(fact, id=id or f"raised:{command_id}")

    def _tool(self, build: Callable[[dict[str, str]], Message], node: str | None) -> list[Decision]:
        command_id, command = self._command(ExecuteToolCall, node)
        basic = {"command_id": command_id, "tool_call_id": command.tool_call_id, "tool": command.tool}
        return self.put(build(basic), id=f"result:{command_id}")

    def tool_result(self, result: Any, *, node: str | None = None, **fields: Any) -> list[Decision]:
        """The oldest open tool call completes."""
        return self._tool(lambda b: ToolCallCompleted.model_validate({**b, "result": result, **fields}), node)

    def tool_fails(self, error_class: str = "denied", *, node: str | None = None, **fields: Any) -> list[Decision]:
        """The oldest open tool call fails."""
        return self._tool(lambda b: ToolCallFailed.model_validate({**b, "error_class": error_class, **fields}), node)

    def tool_refused(self, *, node: str | None = None, **figures: Any) -> list[Decision]:
        """The execution's cap refuses the oldest open tool call, as the tool runner says it."""
        _, command = self._command(ExecuteToolCall, node)
        known = {"cap_microdollars": 10_000, "spent_microdollars": 8_000, "requested_microdollars": 3_000}
        reached = {"scope": "execution", "scope_id": f"{TENANT}/{command.execution_id}", **known, **figures}
        return self.tool_fails("budget_exceeded", node=node, cap_reached=reached, detail="execution is spent")

    def tool_unknown(self, *, node: str | None = None) -> list[Decision]:
        """The oldest open tool call's outcome is unknown."""
        return self._tool(lambda b: ToolCallOutcomeUnknown.model_validate({**b, "detail": "cut by a crash"}), node)

    def tool_held(self, *, node: str | None = None) -> list[Decision]:
        """Policy holds the oldest open tool call for approval."""
        held = {"policy": "over 100", "arguments_hash": "abc", "policy_version": "m1"}
        return self._tool(lambda b: ToolCallApprovalRequired.model_validate({**b, **held}), node)

    def tool_held_of(self, command: tuple[str, Any]) -> list[Decision]:
        """Policy holds this open tool call for approval."""
        command_id, message = command
        basic = {"command_id": command_id, "tool_call_id": message.tool_call_id, "tool": message.tool}
        required = ToolCallApprovalRequired.model_validate({**basic, "policy": "over 100", "arguments_hash": "abc"})
        return self.put(required, id=f"result:{command_id}")

    def verdict(self, verdict: str, **fields: Any) -> list[Decision]:
        """A person decides the oldest open approval."""
        command_id, _ = self._command(OpenApproval, None)
        data = {"approval_id": command_id, "verdict": verdict, "actor_id": "ana", **fields}
        return self.put(ApprovalDecided.model_validate(data), id=f"verdict:{command_id}")

    def claim(self, agent: str = "ana", handover_id: str = "h") -> list[Decision]:
        """A human agent takes the conversation."""
        epoch = self.state.ownership_epoch + 1
        claimed = HandoverClaimed(handover_id=handover_id, ownership_epoch=epoch, actor_id=agent, agent_id=agent)
        return self.put(claimed, id=f"claim:{epoch}")

    def resolve(self) -> list[Decision]:
        """The human agent is done."""
        epoch = self.state.ownership_epoch + 1
        return self.put(HandoverResolved(handover_id="h", ownership_epoch=epoch, actor_id="ana"), id=f"end:{epoch}")

    def give_back(self, **facts: Any) -> list[Decision]:
        """The human agent returns the conversation to the AI."""
        return self.return_with(facts=facts)

    def return_with(self, **fields: Any) -> list[Decision]:
        """The same, with what else is left for the AI."""
        epoch = self.state.ownership_epoch + 1
        data = {"handover_id": "h", "ownership_epoch": epoch, "actor_id": "ana", **fields}
        return self.put(HandoverReturned.model_validate(data), id=f"end:{epoch}")

    def human_says(
        self, text: str, *, message_id: str = "m1", epoch: int | None = None, by: str = "ana", hold_ms: int = 0
    ) -> list[Decision]:
        """A human agent's reply; held ones are let go by the same again."""
        known = self.state.ownership_epoch if epoch is None else epoch
        message = SendMessage(message_id=message_id, text=text, author_id=by, ownership_epoch=known, hold_ms=hold_ms)
        return self.put(message, id=f"send:{message_id}/{hold_ms}")

    def unsend(self, message_id: str = "m1", by: str = "ana") -> list[Decision]:
        """A human agent takes a reply back."""
        return self.put(UnsendMessage(message_id=message_id, author_id=by), id=f"unsend:{message_id}/{by}")

    def ask_for_draft(self, suggestion_id: str = "s1", *, epoch: int | None = None, **fields: Any) -> list[Decision]:
        """A human agent wants a draft of the next reply."""
        known = self.state.ownership_epoch if epoch is None else epoch
        data = {"suggestion_id": suggestion_id, "actor_id": "ana", "ownership_epoch": known, **fields}
        return self.put(RequestSuggestion.model_validate(data), id=f"suggest:{suggestion_id}/{len(self.entries)}")

    def announce(self, text: str = "Nobody is here.", *, message_id: str = "a1", **fields: Any) -> list[Decision]:
        """The house tells the customer something."""
        data = {"message_id": message_id, "text": text, "notice": "nobody_online", **fields}
        return self.put(AnnounceMessage.model_validate(data), id=f"announce:{message_id}/{len(self.entries)}")


def kinds(decisions: list[Decision]) -> list[str]:
    """`noun.word` of each decision."""
    return [decision.route.name for decision in decisions]
