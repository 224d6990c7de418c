"""What workflow does a file declare, or what is wrong with it?"""

import hashlib

from orchestrator.adapters.workflow_file.cost_steps import cost_steps
from orchestrator.adapters.workflow_file.fallbacks import check_fallback, resolve_fallbacks
from orchestrator.adapters.workflow_file.graph import check_graph, read_edges
from orchestrator.adapters.workflow_file.limits import check_limits, reactions, workflow_limits
from orchestrator.adapters.workflow_file.nodes import Declared, read_nodes
from orchestrator.adapters.workflow_file.promises import baseline, handover_rules, slos, stages
from orchestrator.adapters.workflow_file.read_yaml import read_yaml
from orchestrator.adapters.workflow_file.report import Report, WorkflowErrors
from orchestrator.adapters.workflow_file.structure import keep_what_fits
from orchestrator.adapters.workflow_file.texts import Known, checks_for
from orchestrator.adapters.workflow_file.values import Fields, mapping, text
from orchestrator.domain.workflow import HandOver, Limit, Reaction, Workflow


def load_workflow(
    source: bytes,
    *,
    file_name: str,
    known_tools: frozenset[str] | None = None,
    known_profiles: frozenset[str] | None = None,
) -> Workflow:
    """The workflow in `source`, at most 256 KiB of YAML. Tools and profiles are checked where the known ones are given.

    Raises WorkflowErrors, with every mistake that the file has, each with its line."""
    document = read_yaml(source, file_name)
    report = document.report
    if report.errors and not document.value:
        raise WorkflowErrors(report.errors)
    kept = keep_what_fits(document)
    declared = read_nodes(kept, document.value, report)
    resolve_fallbacks(kept, declared, report)
    checks_for(declared, Known(known_tools, known_profiles), report).check(kept)
    workflow = _assemble(kept, declared, report, content_hash=hashlib.sha256(source).hexdigest())
    if report.errors:
        raise WorkflowErrors(report.errors)
    return workflow


def _assemble(kept: Fields, declared: Declared, report: Report, *, content_hash: str) -> Workflow:
    limits = mapping(kept.get("limits"))
    check_limits(limits, ("limits",), report)
    of_workflow = _workflow_reactions(limits, declared, report)
    edges = read_edges(kept, declared, report)
    check_graph(mapping(kept.get("workflow")).get("start"), edges, declared, report)
    return Workflow(
        name=text(kept.get("name")),
        version=text(kept.get("version")),
        content_hash=content_hash,
        nodes=declared.nodes,
        edges=edges,
        limits=workflow_limits(limits),
        handover=handover_rules(mapping(kept.get("hil")), report),
        deadline_reaction=of_workflow.get(Limit.DEADLINE, HandOver()),
        cost_reaction=of_workflow.get(Limit.COST, HandOver()),
        cost_steps=cost_steps(mapping(limits.get("on_limit")), ("limits", "on_limit"), report),
        description=text(kept.get("description")),
        slos=slos(mapping(kept.get("slos")), report),
        baseline=baseline(mapping(kept.get("baseline"))),
        stages=stages(mapping(kept.get("deployment")), report),
    )


def _workflow_reactions(limits: Fields, declared: Declared, report: Report) -> dict[Limit, Reaction]:
    """The reactions to limits of the whole execution; their stand-ins join those of the nodes."""
    path = ("limits", "on_limit")
    found = reactions(mapping(limits.get("on_limit")), path, report)
    checked = {limit: check_fallback(r, (*path, limit.value), declared, report) for limit, r in found.items()}
    declared.note_standins(checked.values())
    return checked
