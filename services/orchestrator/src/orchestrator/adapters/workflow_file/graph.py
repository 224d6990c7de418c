"""Do the nodes and edges of a file make a graph in which every node can be reached, and every path ends in a sink?"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.adapters.workflow_file.nodes import Declared, condition
from orchestrator.adapters.workflow_file.report import Path, Report, did_you_mean
from orchestrator.adapters.workflow_file.values import Fields, listing, mapping, text, texts
from orchestrator.domain.workflow import Edge, JsonValue, NodeKind, Sink

Links = Mapping[str, tuple[str, ...]]


def read_edges(kept: Fields, declared: Declared, report: Report) -> tuple[Edge, ...]:
    """The edges whose ends exist, in file order; the others are reported."""
    entries = listing(mapping(kept.get("workflow")).get("edges"))
    edges = (
        _edge(mapping(entry), ("workflow", "edges", index), declared, report) for index, entry in enumerate(entries)
    )
    return tuple(edge for edge in edges if edge is not None)


def check_graph(start: JsonValue, edges: tuple[Edge, ...], declared: Declared, report: Report) -> None:
    """Report missing sinks, cycles, dead ends and unreachable nodes. `start` is the file's field of that name."""
    links = {name: tuple(edge.target for edge in edges if edge.source == name) for name in declared.nodes}
    graph = _Graph(links, declared, report)
    graph.check_sinks()
    graph.check_dead_ends()
    graph.check_cycles()
    graph.check_standins()
    graph.check_reachable(graph.starts(start))


def cycles(links: Links) -> Iterator[tuple[str, ...]]:
    """Cycles as a, b, a: at least one through each node that lies on any."""
    covered: set[str] = set()
    for name in links:
        if name not in covered and (way := _way_back(name, links)):
            covered.update(way)
            yield way


def _edge(entry: Fields, path: Path, declared: Declared, report: Report) -> Edge | None:
    source, target = text(entry.get("from")), text(entry.get("to"))
    for name, node_id in (("from", source), ("to", target)):
        if node_id and node_id not in declared.nodes:
            report.add((*path, name), f"unknown node `{node_id}`", did_you_mean(node_id, declared.nodes))
    if source not in declared.nodes or target not in declared.nodes:
        return None
    if declared.nodes[source].kind is NodeKind.SINK:
        report.add((*path, "from"), f"the sink `{source}` has an edge of its own", "a sink ends the execution")
        return None
    declared.edge_paths.setdefault((source, target), path)
    return Edge(source, target, condition(entry.get("condition")))


def _way_back(start: str, links: Links) -> tuple[str, ...]:
    """The shortest way from `start` to itself; empty when there is none."""
    ways: deque[tuple[str, ...]] = deque([(start,)])
    seen: set[str] = set()
    while ways:
        way = ways.popleft()
        for target in links[way[-1]]:
            if target == start:
                return (*way, start)
            if target not in seen:
                seen.add(target)
                ways.append((*way, target))
    return ()


def _reachable(starts: Iterable[str], links: Links) -> set[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = set(links[waiting.pop()]) - found
        found |= new
        waiting.extend(new)
    return found


@dataclass(frozen=True, slots=True)
class _Graph:
    links: Links
    declared: Declared
    report: Report

    def check_sinks(self) -> None:
        found = {node.sink for node in self.declared.nodes.values()}
        for sink, action in ((Sink.FINISH, "finish_conversation"), (Sink.HANDOVER, "handover_to_human")):
            if sink not in found:
                hint = f"add {{id: {sink}, type: sink, action: {action}}}"
                self.report.add(("workflow", "nodes"), f"there is no {sink} sink", hint)

    def check_dead_ends(self) -> None:
        for name, targets in self.links.items():
            if not targets and name not in self.declared.standins and self._kind(name) is not NodeKind.SINK:
                self.report.add(self._path(name), f"no edge leads on from `{name}`", "every path ends in a sink")

    def check_cycles(self) -> None:
        for way in cycles(self.links):
            path = self.declared.edge_paths[way[-2], way[-1]]
            hint = "edges go forwards only; repeat with max_retries or max_iterations"
            self.report.add(path, f"the edges form a cycle: {' -> '.join(way)}", hint)

    def check_standins(self) -> None:
        for (source, target), path in self.declared.edge_paths.items():
            for name in {source, target} & self.declared.standins:
                hint = f"the edges of the node that `{name}` stands in for go on from it"
                self.report.add(path, f"the fallback node `{name}` has an edge of its own", hint)

    def starts(self, declared_start: JsonValue) -> tuple[str, ...]:
        """The nodes to begin with: as declared, else the node without an incoming edge that leads to most others."""
        named = (declared_start,) if isinstance(declared_start, str) else texts(declared_start)
        path: Path = ("workflow", "start")
        for name in named:
            if name not in self.links:
                self.report.add(path, f"unknown node `{name}`", did_you_mean(name, self.links))
            elif name in self._entered():
                self.report.add(path, f"an edge ends at the start node `{name}`", "nothing comes before a start node")
        known = tuple(name for name in named if name in self.links)
        return known if named else self._widest(self._entries())

    def check_reachable(self, starts: tuple[str, ...]) -> None:
        if not starts:
            return  # every node has an incoming edge, so there is a cycle, and that is reported
        found = _reachable(starts, self.links) | self.declared.standins
        for name, node in self.declared.nodes.items():
            if name not in found and node.sink is not Sink.HANDOVER:  # limits and triggers lead to HANDOVER
                hint = f"no edges lead to it from `{starts[0]}`; nodes that start in parallel are listed in `start`"
                self.report.add(self._path(name), f"the node `{name}` is unreachable", hint)

    def _entries(self) -> tuple[str, ...]:
        entered = self._entered() | self.declared.standins
        return tuple(name for name in self.links if name not in entered and self._kind(name) is not NodeKind.SINK)

    def _widest(self, entries: tuple[str, ...]) -> tuple[str, ...]:
        """Of several, the one that the others were most likely forgotten beside."""
        return (max(entries, key=lambda name: len(_reachable((name,), self.links))),) if entries else ()

    def _entered(self) -> set[str]:
        return {target for targets in self.links.values() for target in targets}

    def _kind(self, name: str) -> NodeKind:
        return self.declared.nodes[name].kind

    def _path(self, name: str) -> Path:
        return self.declared.paths[name]
