"""How far is an execution: which nodes are done, what is to be issued, does it end?"""

from dataclasses import dataclass, field

from contracts.executions import Reason
from orchestrator.domain.context import scope_of
from orchestrator.domain.expression import holds
from orchestrator.domain.node_progress import node_progress
from orchestrator.domain.progress import Dead, Done, Ends, Failed, Idle, Progress, first_step
from orchestrator.domain.view import View
from orchestrator.domain.workflow import (
    DefaultResponse,
    Edge,
    Fallback,
    JsonValue,
    Limit,
    Node,
    NodeKind,
    Reaction,
    Retry,
)


@dataclass(slots=True)
class Evaluation:
    """Progress of every node, worked out on demand and remembered. `consulted` are the nodes that were kept from
    starting by an open breaker."""

    view: View
    consulted: set[str] = field(default_factory=set)
    _known: dict[str, Progress] = field(default_factory=dict)

    def progress(self, name: str) -> Progress:
        """Progress of a node, reactions of its limits included."""
        known = self._known.get(name)
        if known is None:
            gate = self._gate(self.view.workflow.nodes[name])
            known = self._known[name] = self._run(self.view.workflow.nodes[name]) if gate is None else gate
        return known

    def outputs(self) -> dict[str, JsonValue]:
        """Outputs of all nodes that are done."""
        nodes = self.view.workflow.nodes
        states = ((name, self.progress(name)) for name in nodes if name not in self.view.workflow.standins)
        return {name: state.output for name, state in states if isinstance(state, Done) and not self._is_sink(name)}

    def reached_sink(self) -> Node | None:
        """The first sink, in file order, that an edge leads to; none while one before it may still be reached, so that
        the order in which parallel branches finish never matters."""
        sinks = (node for node in self.view.workflow.nodes.values() if node.kind is NodeKind.SINK)
        alive = next((sink for sink in sinks if not isinstance(self.progress(sink.id), Dead)), None)
        return alive if alive is not None and isinstance(self.progress(alive.id), Done) else None

    def scope_before(self, name: str) -> dict[str, JsonValue]:
        """Names that a node sees: outputs of the nodes before it only, so that the order in which parallel nodes
        finish never matters (SPEC O6)."""
        states = ((before, self.progress(before)) for before in sorted(self.view.workflow.ancestors(name)))
        outputs = {before: state.output for before, state in states if isinstance(state, Done)}
        return scope_of(self.view.state, self.view.execution, outputs)

    def _is_sink(self, name: str) -> bool:
        return self.view.workflow.nodes[name].kind is NodeKind.SINK

    def _gate(self, node: Node) -> Idle | Dead | None:
        """None when the node's turn has come. A node that has begun stays begun."""
        edges = self.view.workflow.incoming(node.id)
        if node.id in self.view.by_node:
            return None
        if not edges:  # A sink that no edge leads to is reached by reactions only.
            return Dead() if node.kind is NodeKind.SINK else None
        taken = [self._taken(edge) for edge in edges]
        waits = None in taken
        if node.join == "all" and waits:
            return Idle()
        if True in taken:
            return None
        return Idle() if waits else Dead()

    def _taken(self, edge: Edge) -> bool | None:
        """Whether an edge is taken; None while its source is not done."""
        source = self.progress(edge.source)
        if isinstance(source, Dead):
            return False
        if not isinstance(source, Done):
            return None
        if edge.condition is None:
            return True
        return holds(
            edge.condition,
            self.scope_before(edge.source) | {"output": source.output, edge.source: {"output": source.output}},
        )

    def _run(self, node: Node, scope_of_node: str | None = None) -> Progress:
        """Progress of a node that may run, and what stands in for it when it failed. A stand-in sees what the node
        that it stands in for sees."""
        seen_as = scope_of_node or node.id
        own = self._unless_broken(node) or node_progress(self.view, node, lambda: self.scope_before(seen_as))
        begun = self._standin_begun(node)
        if begun is not None:  # A success that comes this late must not send the execution down two paths.
            return self._run(begun, seen_as)
        if not isinstance(own, Failed):
            return own
        reaction = self.view.reaction_to(node, own.limit)
        if isinstance(reaction, Retry):  # No attempts are left.
            reaction = node.reaction_to(Limit.RETRIES)
        return self._react(reaction, own, seen_as)

    def _standin_begun(self, node: Node) -> Node | None:
        standins = (r.node_id for r in node.reactions.values() if isinstance(r, Fallback))
        begun = next((name for name in standins if name in self.view.by_node), None)
        return self.view.workflow.nodes[begun] if begun is not None else None

    def _unless_broken(self, node: Node) -> Failed | None:
        if node.id in self.view.by_node or node.kind is NodeKind.SINK:
            return None
        if node.id not in self.view.breakers | self.view.execution.broken:
            return None
        self.consulted.add(node.id)
        return Failed(Limit.RETRIES, Reason.BREAKER_OPEN, f"{node.id}: failed too often across executions lately")

    def _react(self, reaction: Reaction, failed: Failed, seen_as: str) -> Progress:
        match reaction:
            case Fallback(node_id=standin):
                return self._run(self.view.workflow.nodes[standin], seen_as)
            case DefaultResponse(text=text):
                return Ends(failed.reason, failed.detail, default_text=text)
            case _:
                return Ends(failed.reason, failed.detail)


def whole_progress(evaluation: Evaluation) -> Progress:
    """Progress of the execution: Ends, Done (a sink was reached), Ready, or Waiting for whatever is due first."""
    workflow = evaluation.view.workflow
    states = [evaluation.progress(name) for name in workflow.nodes if name not in workflow.standins]
    ends = next((state for state in states if isinstance(state, Ends)), None)
    if ends is not None:
        return ends
    if evaluation.reached_sink() is not None:
        return Done(None)
    return first_step(states) or Ends(Reason.NO_MATCHING_EDGE, "every branch ended without reaching a sink")
