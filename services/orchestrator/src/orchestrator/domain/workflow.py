"""What is a workflow: its nodes, edges, limits and what happens when a limit is reached?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeAlias

from contracts.completions import CachePolicy
from contracts.kpis import HandlingBaseline
from contracts.objectives import Slos
from orchestrator.domain.cost_steps import CostStep
from orchestrator.domain.stages import Stage
from orchestrator.domain.suggestion_rules import SuggestionRules
from orchestrator.domain.workflow_limits import WorkflowLimits

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"


class NodeKind(StrEnum):
    """Which rule runs a node (SPEC O2)."""

    SIMPLE = "simple"
    REASONING = "reasoning"
    CODE = "code"
    TOOL = "tool"
    RULE = "rule"
    HUMAN = "human"
    SINK = "sink"


class Sink(StrEnum):
    """The two explicit ends of an execution."""

    FINISH = "FINISH"
    HANDOVER = "HANDOVER"


class Limit(StrEnum):
    """The limits whose reaction a workflow declares, named as in the file."""

    TIMEOUT = "timeout_ms"
    RETRIES = "max_retries"
    COST = "max_cost"
    ITERATIONS = "max_iterations"
    DEADLINE = "deadline_ms"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Wait between attempts: `base_ms` after the first failure, doubled each time when exponential, never above
    `cap_ms`; `jitter` 0.2 spreads a wait evenly over 80 % to 120 % of it."""

    kind: Literal["fixed", "exponential"] = "exponential"
    base_ms: int = 1_000
    cap_ms: int = 60_000
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one node, workflow defaults already merged in.

    `timeout_ms` is per attempt. `attempts_max` is `max_retries` of the file: attempts in all, the first included.
    `cost_max_microdollars` is cumulative over attempts and iterations; None means that only the execution's cap
    holds, 0 refuses every completion."""

    timeout_ms: int = 30_000
    cost_max_microdollars: int | None = None
    attempts_max: int = 3
    backoff: Backoff = field(default_factory=Backoff)
    iterations_max: int = 20


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again while attempts are left; then the reaction to `max_retries` counts."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another node stands in: its output becomes this node's output, and this node's edges go on from it."""

    node_id: str


@dataclass(frozen=True, slots=True)
class DefaultResponse:
    """Send this text once, then HANDOVER with the limit's reason code. Never counts as a success."""

    text: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """HANDOVER with the limit's reason code."""


Reaction: TypeAlias = Retry | Fallback | DefaultResponse | HandOver


@dataclass(frozen=True, slots=True)
class Condition:
    """When an edge is taken. `jmespath` sees {output, turn, input, conversation, <node id>: {output}};
    `expression` is the safe subset of `domain/expression.py` over the same names."""

    language: Literal["jmespath", "expression"]
    text: str


@dataclass(frozen=True, slots=True)
class Edge:
    """`condition` None is always taken."""

    source: str
    target: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One node with its agent's settings merged in. Which fields count depends on `kind`:

    simple, reasoning, code: `agent, profile, prompt, output_schema, tools, temperature`;
    simple, beside those: `cache` (its texts are templates);
    code, beside those: `inputs` (what its code gets, rendered as `arguments` are);
    tool: `tool, arguments` (leaves that hold `{{ jmespath }}` are rendered);
    rule: `expression` (its value is the output); human: `ask, form` (JSON Schema of the answer), `skills, priority`;
    sink: `sink, reply` (JMESPath to the text), `reason, skills, priority`, of FINISH `outcome, metadata` (rendered).

    `cost_steps` come before the reaction to `max_cost`; both are the workflow's where the node declares none.
    """

    id: str
    kind: NodeKind
    limits: Limits = field(default_factory=Limits)
    reactions: Mapping[Limit, Reaction] = field(default_factory=dict)
    cost_steps: tuple[CostStep, ...] = ()
    join: Literal["all", "first"] = "all"
    agent: str | None = None
    profile: str = "balanced"
    prompt: str = ""
    output_schema: Mapping[str, JsonValue] | None = None
    tools: tuple[str, ...] = ()
    temperature: float | None = None
    cache: CachePolicy | None = None
    confidence_min: float | None = None
    tool: str | None = None
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    expression: Condition | None = None
    ask: str = ""
    form: Mapping[str, JsonValue] | None = None
    sink: Sink | None = None
    reply: str | None = None
    reason: str | None = None
    outcome: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    skills: tuple[str, ...] = ()
    priority: Literal["low", "normal", "high", "urgent"] | None = None

    def reaction_to(self, limit: Limit) -> Reaction:
        """The declared reaction, else retry at a timeout, else handover."""
        default: Reaction = Retry() if limit is Limit.TIMEOUT else HandOver()
        return self.reactions.get(limit, default)


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Hands over when `condition` holds over {turn, conversation, input, <node id>: {output}}."""

    condition: Condition
    detail: str


@dataclass(frozen=True, slots=True)
class HandoverRules:
    """The `hil` block: when a person takes over although no node failed (SPEC O5)."""

    confidence_min: float | None = None
    customer_request_phrases: tuple[str, ...] = ()
    consecutive_errors_max: int = 3
    turns_max: int | None = None
    tool_calls_max: int | None = None
    policies: tuple[PolicyRule, ...] = ()
    transfer_tools: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    suggestions: SuggestionRules = field(default_factory=SuggestionRules)


def with_own_standins(declared: Mapping[str, Node]) -> Mapping[str, Node]:
    """Nodes in which each stand-in stands in for one node: one that several nodes lead to is copied, as
    `<stand-in>~<node>`, so that no node takes the answer that another one's stand-in found."""
    nodes, taken = dict(declared), set[str]()
    standins = {name for node in declared.values() for name in _fallbacks(node)}
    for origin in declared:
        if origin in standins:
            continue
        names = {
            standin: f"{standin}~{origin}" if standin in taken else standin for standin in _chain(declared, origin)
        }
        taken |= set(names)
        for name in (origin, *names) if names else ():
            own_name = names.get(name, name)
            nodes[own_name] = _renamed(declared[name], own_name, names)
    return nodes


def _fallbacks(node: Node) -> list[str]:
    return [reaction.node_id for reaction in node.reactions.values() if isinstance(reaction, Fallback)]


def _chain(nodes: Mapping[str, Node], origin: str) -> dict[str, None]:
    """Every stand-in that a node may lead to, in order; a cycle, which loading reports, is gone through once."""
    found: dict[str, None] = {}
    waiting = [origin]
    while waiting:
        new = [name for name in _fallbacks(nodes[waiting.pop()]) if name not in found and name in nodes]
        found |= dict.fromkeys(new)
        waiting += new
    return found


def _renamed(node: Node, name: str, names: Mapping[str, str]) -> Node:
    reactions = {
        limit: Fallback(names.get(reaction.node_id, reaction.node_id)) if isinstance(reaction, Fallback) else reaction
        for limit, reaction in node.reactions.items()
    }
    return replace(node, id=name, reactions=reactions)


@dataclass(frozen=True, slots=True)
class Workflow:
    """One immutable version. `content_hash` is the sha256 hex of the file's bytes; `nodes` in file order; `standins`
    are those that only ever run in another's place. What follows from the graph is worked out once."""

    name: str
    version: str
    content_hash: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    limits: WorkflowLimits = field(default_factory=WorkflowLimits)
    handover: HandoverRules = field(default_factory=HandoverRules)
    deadline_reaction: Reaction = field(default_factory=HandOver)
    cost_reaction: Reaction = field(default_factory=HandOver)
    cost_steps: tuple[CostStep, ...] = ()
    description: str = ""
    slos: Slos = field(default_factory=Slos)
    baseline: HandlingBaseline = field(default_factory=HandlingBaseline)
    stages: tuple[Stage, ...] = ()

    standins: frozenset[str] = field(init=False, repr=False, compare=False)
    _incoming: Mapping[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _ancestors: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", with_own_standins(self.nodes))
        incoming = {name: tuple(edge for edge in self.edges if edge.target == name) for name in self.nodes}
        object.__setattr__(self, "_incoming", incoming)
        object.__setattr__(self, "standins", self._standins())
        object.__setattr__(self, "_ancestors", {name: self._before(name) for name in self.nodes})

    def incoming(self, node_id: str) -> tuple[Edge, ...]:
        """Edges that end at `node_id`, in file order."""
        return self._incoming[node_id]

    def ancestors(self, node_id: str) -> frozenset[str]:
        """Every node from which edges lead to `node_id`."""
        return self._ancestors[node_id]

    def family(self, node_id: str) -> frozenset[str]:
        """A node and its stand-ins."""
        return frozenset({node_id, *_chain(self.nodes, node_id)})

    def _standins(self) -> frozenset[str]:
        """Ids of the nodes that only ever run in another's place."""
        of_nodes = (reaction for node in self.nodes.values() for reaction in node.reactions.values())
        reactions = (*of_nodes, self.deadline_reaction, self.cost_reaction)
        return frozenset(reaction.node_id for reaction in reactions if isinstance(reaction, Fallback))

    def _before(self, name: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            sources = {edge.source for edge in self._incoming.get(waiting.pop(), ())} - found
            found |= sources
            waiting += sources
        return frozenset(found)
