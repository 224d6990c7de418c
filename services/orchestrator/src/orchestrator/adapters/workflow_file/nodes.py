"""Which nodes does a file declare, with their agents' settings and the workflow's limits merged in?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from contracts.completions import CachePolicy
from contracts.kpis import SALE_COMPLETED
from orchestrator.adapters.workflow_file.cost_steps import check_cost_steps, cost_steps
from orchestrator.adapters.workflow_file.limits import check_limits, node_limits, reactions, shorthand
from orchestrator.adapters.workflow_file.report import Path, Report, did_you_mean
from orchestrator.adapters.workflow_file.schema_words import SINK_ACTIONS
from orchestrator.adapters.workflow_file.values import (
    Fields,
    listing,
    mapping,
    optional_number,
    optional_text,
    priority,
    text,
    texts,
)
from orchestrator.domain.workflow import Condition, Fallback, JsonValue, Node, NodeKind, Reaction, Sink

_EVERY: Final = frozenset({"id", "type", "description"})
_WORKING: Final = _EVERY | {"join", "limits", "on_limit", "fallback", "default_response"}
_MODEL: Final = _WORKING | {"agent", "profile", "prompt", "output_schema", "temperature", "confidence_min"}
_FIELDS: Final[Mapping[NodeKind, frozenset[str]]] = {
    NodeKind.SIMPLE: _MODEL | {"cache"},
    NodeKind.REASONING: _MODEL | {"tools"},
    NodeKind.CODE: _MODEL | {"tools", "inputs"},
    NodeKind.TOOL: _WORKING | {"tool", "arguments"},
    NodeKind.RULE: _WORKING | {"expression"},
    NodeKind.HUMAN: _WORKING | {"ask", "form", "skills", "priority"},
    NodeKind.SINK: _EVERY | {"join", "action", "reply", "reason", "outcome", "metadata", "skills", "priority"},
}
_NEEDED: Final[Mapping[NodeKind, str]] = {
    NodeKind.SIMPLE: "prompt",
    NodeKind.REASONING: "prompt",
    NodeKind.CODE: "prompt",
    NodeKind.TOOL: "tool",
    NodeKind.RULE: "expression",
    NodeKind.HUMAN: "ask",
    NodeKind.SINK: "action",
}


@dataclass(slots=True)
class Declared:
    """The nodes of a file, which of them stand in for others, and where nodes and edges are declared. Of two nodes with
    one id the first counts."""

    nodes: dict[str, Node] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    edge_paths: dict[tuple[str, str], Path] = field(default_factory=dict)
    standins: frozenset[str] = frozenset()

    def note_standins(self, reactions: Iterable[Reaction]) -> None:
        """Remember the nodes that these reactions fall back to."""
        self.standins |= {reaction.node_id for reaction in reactions if isinstance(reaction, Fallback)}


def read_nodes(kept: Fields, original: Fields, report: Report) -> Declared:
    """The nodes of the file. `original` is the file before mistakes of structure were taken out: what was reported as
    wrong is not reported as missing too."""
    agents = {name: mapping(agent) for name, agent in mapping(kept.get("agents")).items()}
    defaults = mapping(kept.get("limits"))
    for name, agent in agents.items():
        _check_agent(agent, ("agents", name), report)
    declared = Declared()
    raw = listing(mapping(original.get("workflow")).get("nodes"))
    for index, entry in enumerate(listing(mapping(kept.get("workflow")).get("nodes"))):
        node = _Reader(mapping(entry), mapping(raw[index]), ("workflow", "nodes", index), report)
        if (read := node.read(agents, defaults)) is not None:
            _declare(read, node.path, declared, report)
    return declared


def condition(value: JsonValue) -> Condition | None:
    """A bare text is JMESPath; None when there is none or it was reported."""
    if isinstance(value, str):
        return Condition("jmespath", value)
    declared = mapping(value)
    written = text(declared.get("expression"))
    if not written:
        return None
    return Condition("expression" if declared.get("type") == "expression" else "jmespath", written)


def _check_agent(agent: Fields, path: Path, report: Report) -> None:
    check_limits(mapping(agent.get("limits")), (*path, "limits"), report)
    if kind := text(agent.get("kind")):
        for name in agent.keys() - _FIELDS[NodeKind(kind)] - {"kind"}:
            having = " or ".join(str(one) for one, names in _FIELDS.items() if name in names)
            report.add((*path, name), f"`{name}` has no effect on a {kind} agent", f"a {having} agent has it")


def _declare(node: Node, path: Path, declared: Declared, report: Report) -> None:
    if node.id in declared.nodes:
        first = report.place(declared.paths[node.id]).line
        report.add((*path, "id"), f"the node `{node.id}` is there twice", f"first on line {first}; node ids are unique")
    else:
        declared.nodes[node.id] = node
        declared.paths[node.id] = path


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one node: `own` without mistakes of structure, `raw` as written."""

    own: Fields
    raw: Fields
    path: Path
    report: Report

    def read(self, agents: Mapping[str, Fields], defaults: Fields) -> Node | None:
        node_id = text(self.own.get("id"))
        agent = self._agent(agents)
        kind = self._kind(agent)
        if not node_id:
            return None
        merged = agent | self.own
        self._check(kind, merged)
        limits = mapping(self.own.get("limits"))
        check_limits(limits, (*self.path, "limits"), self.report)
        declared, at_limit = mapping(self.own.get("on_limit")), (*self.path, "on_limit")
        on_limit = reactions(declared, at_limit, self.report)
        node = Node(
            id=node_id,
            kind=kind or NodeKind.RULE,  # a stand-in for the other checks; the missing kind is reported
            limits=node_limits(defaults, mapping(agent.get("limits")), limits),
            reactions={**shorthand(self.own), **on_limit},
            cost_steps=cost_steps(declared, at_limit, self.report),
            join="first" if merged.get("join") == "first" else "all",
            agent=optional_text(merged.get("agent")),
            profile=text(merged.get("profile"), "balanced"),
            prompt=text(merged.get("prompt")),
            output_schema=_optional_mapping(merged.get("output_schema")),
            tools=texts(merged.get("tools")),
            temperature=optional_number(merged.get("temperature")),
            cache=_cache_policy(merged.get("cache")),
            confidence_min=optional_number(merged.get("confidence_min")),
            tool=optional_text(merged.get("tool")),
            arguments=mapping(merged.get("arguments")),
            inputs=mapping(merged.get("inputs")),
            expression=condition(merged.get("expression")),
            ask=text(merged.get("ask")),
            form=_optional_mapping(merged.get("form")),
            sink=Sink(SINK_ACTIONS[action]) if (action := text(merged.get("action"))) else None,
            reply=optional_text(merged.get("reply")),
            reason=optional_text(merged.get("reason")),
            outcome=optional_text(merged.get("outcome")),
            metadata=mapping(merged.get("metadata")),
            skills=texts(merged.get("skills")),
            priority=priority(merged.get("priority")),
        )
        check_cost_steps(node, declared, at_limit, self.report)
        return node

    def _agent(self, agents: Mapping[str, Fields]) -> Fields:
        name = text(self.own.get("agent"))
        if name and name not in agents:
            self.report.add((*self.path, "agent"), f"unknown agent `{name}`", did_you_mean(name, agents))
        return {field: value for field, value in agents.get(name, {}).items() if field != "description"}

    def _kind(self, agent: Fields) -> NodeKind | None:
        of_node, of_agent = text(self.own.get("type")), text(agent.get("kind"))
        if not of_node and "type" not in self.raw and "agent" not in self.raw:
            self.report.add(self.path, "the node has neither an `agent` nor a `type`", f"types: {', '.join(NodeKind)}")
        if of_node and of_agent and of_node != of_agent:
            hint = "leave `type` out, the agent has it"
            self.report.add((*self.path, "type"), f"the node is `{of_node}`, its agent is `{of_agent}`", hint)
        return NodeKind(of_node or of_agent) if of_node or of_agent else None

    def _check(self, kind: NodeKind | None, merged: Fields) -> None:
        if kind is None:
            return
        for name in self.own.keys() - _FIELDS[kind]:
            hint = f"a {kind} node has {', '.join(sorted(_FIELDS[kind]))}"
            self.report.add((*self.path, name), f"`{name}` has no effect on a {kind} node", hint)
        if kind is NodeKind.SINK:
            self._check_outcome()
        needed = _NEEDED[kind]
        if needed not in merged and needed not in self.raw:
            self.report.add(self.path, f"a {kind} node needs `{needed}`")

    def _check_outcome(self) -> None:
        """What a sink tells the business would be lost without a word where it has no effect."""
        if SINK_ACTIONS.get(text(self.own.get("action"))) == Sink.HANDOVER:
            for name in ("outcome", "metadata"):
                if name in self.own:
                    self.report.add((*self.path, name), f"`{name}` has no effect on a handover", "a FINISH sink has it")
        elif "metadata" in self.own and "outcome" not in self.raw:
            self.report.add((*self.path, "metadata"), "`metadata` has no effect without an `outcome`", "add `outcome`")
        elif self.own.get("outcome") == SALE_COMPLETED and "order_value" not in mapping(self.raw.get("metadata")):
            hint = 'add `metadata: {order_value: "{{ <node>.output.<field> }}"}`'
            self.report.add((*self.path, "outcome"), f"a `{SALE_COMPLETED}` without `order_value` books nothing", hint)


def _cache_policy(value: JsonValue) -> CachePolicy | None:
    return CachePolicy.model_validate(value) if isinstance(value, dict) else None


def _optional_mapping(value: JsonValue) -> Fields | None:
    return value if isinstance(value, dict) else None
