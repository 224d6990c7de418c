"""Which source of a workflow is played in trials: every answer the model's, no alarm, no mistaking it for a release?"""

import hashlib

import yaml
from pydantic import JsonValue

from orchestrator.adapters.workflow_file.read_yaml import read_yaml

Mapped = dict[str, JsonValue]


NOT_PLAYED = ("slos", "deployment")
"""Promises are the gate's to judge, and ring no alert for trials; a trial is of this version, in no stage of it."""


def played_source(source: bytes) -> bytes:
    """The same workflow, its agents and nodes without `cache`, under a version that names the content: a file may be
    evaluated under one version as often as it is changed. `source` is a file that loads."""
    read: Mapped = dict(read_yaml(source, "workflow").value)
    graph = _mapped(read.get("workflow"))
    nodes = graph.get("nodes")
    assert isinstance(nodes, list), "a workflow that loads has nodes"
    changed: Mapped = {
        **{name: value for name, value in read.items() if name not in NOT_PLAYED},
        "version": f"{str(read['version'])[:40]}+eval.{hashlib.sha256(source).hexdigest()[:12]}",
        "agents": {name: _uncached(agent) for name, agent in _mapped(read.get("agents")).items()},
        "workflow": {**graph, "nodes": [_uncached(node) for node in nodes]},
    }
    return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()


def _uncached(part: JsonValue) -> JsonValue:
    return {name: value for name, value in part.items() if name != "cache"} if isinstance(part, dict) else part


def _mapped(value: JsonValue) -> Mapped:
    return value if isinstance(value, dict) else {}
