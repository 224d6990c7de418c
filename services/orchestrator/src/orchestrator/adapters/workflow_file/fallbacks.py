"""Which nodes stand in for which, and is every fallback one that can work?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from orchestrator.adapters.workflow_file.graph import cycles
from orchestrator.adapters.workflow_file.nodes import Declared
from orchestrator.adapters.workflow_file.report import Path, Report, did_you_mean
from orchestrator.adapters.workflow_file.values import Fields, listing, mapping, text
from orchestrator.domain.workflow import (
    DefaultResponse,
    Fallback,
    HandOver,
    Limit,
    Node,
    NodeKind,
    Reaction,
    Sink,
)

_AFTER_ATTEMPTS = (Limit.RETRIES, Limit.COST, Limit.ITERATIONS)


def resolve_fallbacks(kept: Fields, declared: Declared, report: Report) -> None:
    """Check every fallback of a node, note the stand-ins in `declared`, and pass default responses on to them.

    A fallback to a HANDOVER sink is a handover. Where a node has `fallback` and `default_response`, the response is
    what the last stand-in does when it fails too, unless that one declares a reaction of its own."""
    for node in list(declared.nodes.values()):
        path = declared.paths[node.id]
        checked = {
            limit: check_fallback(reaction, _path(path, limit, report), declared, report)
            for limit, reaction in node.reactions.items()
        }
        declared.nodes[node.id] = replace(node, reactions=checked)
        declared.note_standins(checked.values())
    links = {name: tuple(_fallbacks(node)) for name, node in declared.nodes.items()}
    for way in cycles(links):
        report.add(declared.paths[way[0]], f"the fallbacks form a cycle: {' -> '.join(way)}", "the last one has none")
    _pass_on_responses(kept, declared, report)


def check_fallback(reaction: Reaction, path: Path, declared: Declared, report: Report) -> Reaction:
    """`reaction`, or a handover where it cannot work."""
    if not isinstance(reaction, Fallback):
        return reaction
    target = declared.nodes.get(reaction.node_id)
    if target is None:
        report.add(path, f"unknown node `{reaction.node_id}`", did_you_mean(reaction.node_id, declared.nodes))
        return HandOver()
    if target.kind is not NodeKind.SINK:
        return reaction
    if target.sink is not Sink.HANDOVER:
        report.add(path, f"the sink `{target.id}` cannot be a fallback", "a failure is no finish")
    return HandOver()


def _path(node_path: Path, limit: Limit, report: Report) -> Path:
    declared = (*node_path, "on_limit", limit.value)
    return declared if declared in report.places else (*node_path, "fallback")


def _fallbacks(node: Node) -> Iterator[str]:
    return (reaction.node_id for reaction in node.reactions.values() if isinstance(reaction, Fallback))


def _pass_on_responses(kept: Fields, declared: Declared, report: Report) -> None:
    given: dict[str, str] = {}
    for entry in map(mapping, listing(mapping(kept.get("workflow")).get("nodes"))):
        node_id, response = text(entry.get("id")), text(entry.get("default_response"))
        if not response or "fallback" not in entry or node_id not in declared.nodes:
            continue
        last = _last_standin(node_id, declared.nodes)
        if given.setdefault(last, response) != response:
            hint = f"declare one `default_response` on `{last}`"
            report.add(declared.paths[node_id], f"the fallback node `{last}` gets two default responses", hint)
        own = declared.nodes[last].reactions
        # A node that falls back to the HANDOVER sink is its own last stand-in; only its `on_limit` binds it.
        binding = mapping(entry.get("on_limit")) if last == node_id else own
        open_limits = (limit for limit in _AFTER_ATTEMPTS if limit not in binding)
        passed: dict[Limit, Reaction] = dict.fromkeys(open_limits, DefaultResponse(response))
        declared.nodes[last] = replace(declared.nodes[last], reactions={**own, **passed})


def _last_standin(name: str, nodes: Mapping[str, Node]) -> str:
    seen = {name}
    while isinstance(reaction := nodes[name].reactions.get(Limit.RETRIES), Fallback) and reaction.node_id not in seen:
        name = reaction.node_id
        seen.add(name)
    return name
