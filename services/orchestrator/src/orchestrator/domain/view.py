"""What does the evaluation of one execution look at?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.completions import RequestCompletion
from contracts.envelope import derive_message_id
from contracts.executions import NodeMetrics
from contracts.handovers import ApprovalDecided, OpenApproval
from contracts.tool_calls import ExecuteToolCall
from orchestrator.domain.state import Conversation, Execution, Issued, Outcome
from orchestrator.domain.workflow import DefaultResponse, Limit, Node, Reaction, Workflow


@dataclass(frozen=True, slots=True)
class View:
    """State, execution and workflow together, with the commands sorted by node. `breakers` are the nodes whose breaker
    is open now."""

    state: Conversation
    execution: Execution
    workflow: Workflow
    breakers: frozenset[str]
    by_node: dict[str, list[Issued]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Conversation, execution: Execution, workflow: Workflow, breakers: frozenset[str]) -> "View":
        by_node: dict[str, list[Issued]] = {}
        for issued in execution.commands.values():
            by_node.setdefault(issued.message.node, []).append(issued)
        return cls(state, execution, workflow, breakers, by_node)

    @property
    def log_ms(self) -> int:
        return self.state.log_ms

    def outcome_of(self, issued: Issued) -> Outcome | None:
        return self.state.outcomes.get(issued.id)

    def verdict_on(self, issued: Issued) -> ApprovalDecided | None:
        """What a person said to a question before it expired, in log time; later words come too late for ever."""
        outcome, asked = self.outcome_of(issued), issued.message
        assert isinstance(asked, OpenApproval)
        if outcome is None or outcome.at_ms >= asked.expires_ms:
            return None
        assert isinstance(outcome.message, ApprovalDecided)
        return outcome.message

    def id_of(self, node: str, step: str, attempt: int) -> str:
        """The id of a command: the same whoever decides it, different for every attempt of every step."""
        cause = f"{self.state.tenant}/{self.state.key}/{self.execution.id}/{node}/{step}"
        return derive_message_id(cause, "command", attempt)

    def spent(self, node: str) -> int:
        """Micro-dollars of a node over all attempts and iterations."""
        return sum(self._cost(issued) for issued in self.by_node.get(node, ()))

    @property
    def spent_in_all(self) -> int:
        """Micro-dollars of the execution."""
        return sum(self._cost(issued) for issued in self.execution.commands.values())

    def _cost(self, issued: Issued) -> int:
        outcome = self.outcome_of(issued)
        return int(getattr(outcome.message, "cost_microdollars", 0)) if outcome is not None else 0

    def reaction_to(self, node: Node, limit: Limit) -> Reaction:
        """The node's own reaction; where a cap refused it and it declares none, what the workflow says at its cap."""
        inherited = self.workflow.cost_reaction
        if limit is Limit.COST and limit not in node.reactions and isinstance(inherited, DefaultResponse):
            return inherited
        return node.reaction_to(limit)

    @property
    def entity(self) -> str | None:
        turn = self.state.turns.get(self.execution.turn_id or "")
        if turn is not None:
            return turn.message.entity
        return self.state.start.message.entity if self.state.start is not None else None

    def metrics(self, outputs: frozenset[str], finished_ms: int) -> tuple[NodeMetrics, ...]:
        """What each node that issued commands took; nodes in `outputs` are done."""
        return tuple(
            self._metrics(self.workflow.nodes[name], issued, name in outputs, finished_ms)
            for name, issued in self.by_node.items()
            if name in self.workflow.nodes
        )

    def _metrics(self, node: Node, issued: Sequence[Issued], is_done: object, finished_ms: int) -> NodeMetrics:
        cost, ended, error, kinds = 0, 0, None, [type(command.message) for command in issued]
        for command in issued:
            outcome = self.outcome_of(command)
            if outcome is not None:
                ended = max(ended, outcome.at_ms)
                error = getattr(outcome.message, "error_class", error)
                cost += getattr(outcome.message, "cost_microdollars", 0)
        return NodeMetrics(
            node=node.id,
            agent=node.agent,
            outcome="done" if is_done else ("failed" if error else "unfinished"),
            attempts=len(issued),
            completions=kinds.count(RequestCompletion),
            tool_calls=kinds.count(ExecuteToolCall),
            cost_microdollars=cost,
            duration_ms=max(0, (ended or finished_ms) - issued[0].at_ms),
            error_class=error,
        )
