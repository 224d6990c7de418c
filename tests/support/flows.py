"""Small workflows for tests of decisions, written as the blocks of a workflow file."""

import json
from typing import Any

from orchestrator.domain.workflow import Workflow
from tests.support.simulated_log import workflow

ANSWER = {"type": "object", "required": ["reply"], "properties": {"reply": {"type": "string"}}}
HANDOVER = {"id": "HANDOVER", "type": "sink", "action": "handover_to_human"}


def simple(name: str = "answer", **fields: Any) -> dict[str, Any]:
    """A node with one completion, whose output is {"reply": …}."""
    return {"id": name, "type": "simple", "prompt": "Answer.", "output_schema": ANSWER, **fields}


def reasoning(name: str = "answer", **fields: Any) -> dict[str, Any]:
    """A node with a tool-using loop."""
    return {"id": name, "type": "reasoning", "prompt": "Help.", "tools": ["shop.*"], **fields}


def finish(reply: str | None = "answer.output.reply || answer.output.text") -> dict[str, Any]:
    """The FINISH sink."""
    said = {} if reply is None else {"reply": reply}
    return {"id": "FINISH", "type": "sink", "action": "finish_conversation", **said}


def edge(source: str, target: str, condition: str | None = None) -> dict[str, Any]:
    """An edge, taken when the JMESPath holds."""
    return {"from": source, "to": target, **({} if condition is None else {"condition": condition})}


def flow(*nodes: dict[str, Any], edges: list[dict[str, Any]] | None = None, **blocks: Any) -> Workflow:
    """A workflow of these nodes in a row, or with these edges; sinks are added where they are missing. `start` and
    top-level blocks (`limits`, `hil`) go in as they are."""
    start = {"start": blocks.pop("start")} if "start" in blocks else {}
    names = [node["id"] for node in nodes if node.get("type") != "sink"]
    sinks = [sink for sink in (finish(), HANDOVER) if sink["id"] not in {node["id"] for node in nodes}]
    chain = [edge(one, other) for one, other in zip(names, [*names[1:], "FINISH"], strict=True)]
    graph = {**start, "nodes": [*nodes, *sinks], "edges": chain if edges is None else edges}
    return workflow(json.dumps({"name": "flow", "version": "1.0.0", "workflow": graph, **blocks}))
