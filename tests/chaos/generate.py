"""Which random workflow belongs to a seed? YAML that the loader takes, whose end the simulation can tell."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

import yaml

from tests.chaos.directive import directive_text

Fields = dict[str, Any]
LONG_MS = 150_000
"""Longer than kills alone can hold up one attempt: redelivery comes 6 s after a worker's death."""
OUTPUT_SCHEMA: Fields = {
    "type": "object",
    "required": ["value", "confidence", "note"],
    "properties": {"value": {"type": "integer"}, "confidence": {"type": "number"}, "note": {"type": "string"}},
}
FORM: Fields = {"type": "object", "required": ["value"], "properties": {"value": {"type": "integer"}}}
EFFECT_VALUE = "{{{{ conversation.tenant }}}}/{{{{ conversation.id }}}}/{{{{ turn.id }}}}/{node}"
KINDS = ("simple",) * 5 + ("reasoning",) * 3 + ("tool",) * 3 + ("rule", "human", "human")
BEHAVIOURS = ("ok",) * 8 + ("slow",) * 2 + ("error",) * 3 + ("garbage",) * 2 + ("fail", "refuse", "never")


@dataclass(frozen=True, slots=True)
class Exit:
    """A node that the next one goes on from, and where in its output the number is."""

    node: str
    path: tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """A workflow on its way."""

    random: Random
    nodes: list[Fields] = field(default_factory=list)
    edges: list[Fields] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    gate: Fields | None = None

    def new_id(self) -> str:
        return f"n{len(self.nodes) + 1}"

    def add(self, kind: str, before: Exit | None) -> Exit:
        """Append a node of a kind; a rule takes its number from `before`."""
        return {"simple": self.simple, "reasoning": self.reasoning, "tool": self.tool, "human": self.human}.get(
            kind, lambda: self.rule(before)
        )()

    def simple(self, behaviour: str | None = None) -> Exit:
        behaviour = behaviour or self.random.choice(BEHAVIOURS)
        node: Fields = {"id": self.new_id(), "type": "simple", "profile": "fast", "output_schema": OUTPUT_SCHEMA}
        limits: Fields = {}
        if behaviour in ("error", "garbage"):
            count = self.random.randint(1, 4)
            behaviour, limits["max_retries"] = f"{behaviour}:{count}", count + 1
        if behaviour in ("fail", "never"):
            limits["max_retries"] = self.random.randint(1, 2)
        if behaviour == "never":
            limits["timeout_ms"] = 1_500
        node["prompt"] = directive_text(node["id"], behaviour)
        if limits:
            node["limits"] = limits
        if behaviour == "ok" and self.random.random() < 0.15:
            node["confidence_min"] = 0.15
        self.nodes.append(node)
        if behaviour in ("fail", "refuse", "never"):
            self.react(node, waits="never" in behaviour)
        return Exit(node["id"], ("value",))

    def reasoning(self) -> Exit:
        rounds = self.random.randint(1, 3)
        overruns = self.random.random() < 0.12
        node: Fields = {
            "id": self.new_id(),
            "type": "reasoning",
            "profile": "fast",
            "tools": ["keyed.append"],
            "output_schema": OUTPUT_SCHEMA,
            "limits": {"max_iterations": rounds if overruns else rounds + 2},
        }
        node["prompt"] = directive_text(node["id"], f"tools:{rounds}")
        self.nodes.append(node)
        if overruns:
            self.react(node, waits=False)
        return Exit(node["id"], ("value",))

    def tool(self) -> Exit:
        node_id = self.new_id()
        name = self.random.choice(["keyed.append"] * 8 + ["plain.append"])
        arguments = {"value": EFFECT_VALUE.format(node=node_id)}
        self.nodes.append({"id": node_id, "type": "tool", "tool": name, "arguments": arguments})
        return Exit(node_id, ("number",))

    def rule(self, before: Exit | None) -> Exit:
        node_id = self.new_id()
        number = "`7`" if before is None else ".".join([before.node, "output", *before.path])
        self.nodes.append({"id": node_id, "type": "rule", "expression": number})
        return Exit(node_id, ())

    def human(self) -> Exit:
        silent = self.random.random() < 0.2
        node: Fields = {"id": self.new_id(), "type": "human", "form": FORM}
        node["ask"] = directive_text(node["id"], "silent" if silent else "answer")
        if silent:
            node["limits"] = {"timeout_ms": 2_500}
        self.nodes.append(node)
        if silent:
            self.react(node, waits=True)
        return Exit(node["id"], ("value",))

    def react(self, node: Fields, *, waits: object) -> None:
        """Declare what happens when the node has failed: nothing, a stand-in, a text, or both."""
        choice = self.random.choice(("handover", "fallback", "fallback", "text", "both"))
        limits = ["timeout_ms"] if waits and (node["type"] == "human" or self.random.random() < 0.5) else []
        if choice in ("fallback", "both"):
            standin = self.simple(self.random.choice(("ok", "ok", "slow", "fail")))
            self.without_reaction(standin.node)
            node["fallback"] = standin.node
            if limits:
                node["on_limit"] = {"timeout_ms": {"fallback": standin.node}}
        if choice in ("text", "both"):
            node["default_response"] = f"{node['id']} is sorry"
        if limits and choice == "text":
            node["on_limit"] = {"timeout_ms": {"default_response": f"{node['id']} gave no answer"}}
        if limits and choice == "handover":
            node["on_limit"] = {"timeout_ms": "handover"}

    def without_reaction(self, node_id: str) -> None:
        """A stand-in of a stand-in would be allowed, but says nothing new."""
        node = next(node for node in self.nodes if node["id"] == node_id)
        orphan = node.pop("fallback", None)
        for name in ("default_response", "on_limit", "confidence_min"):
            node.pop(name, None)
        self.nodes = [other for other in self.nodes if other["id"] != orphan]

    def connect(self, before: Exit | None, target: str, condition: Fields | str | None = None) -> None:
        if before is None:
            self.start.append(target)
            return
        edge: Fields = {"from": before.node, "to": target}
        condition = condition if condition is not None else self.gate
        if condition is not None:
            edge["condition"] = condition
        self.edges.append(edge)

    def condition(self, path: tuple[str, ...], sign: str, bound: int) -> Fields | str:
        """The same comparison in one of the two languages."""
        if self.random.random() < 0.5:
            return f"{'.'.join(['output', *path])} {sign} `{bound}`"
        keys = "".join(f"[{json.dumps(key)}]" for key in path)
        return {"type": "expression", "expression": f"output{keys} {sign} {bound}"}


def generate(seed: str, name: str) -> bytes:
    """The workflow of a seed: 3 to 8 nodes beside stand-ins and sinks."""
    draft = Draft(Random(seed))
    size = draft.random.randint(2, 6)
    exit_: Exit | None = None
    while len(draft.nodes) < size:
        exit_ = draft.random.choice((_single, _single, _parallel, _branch, _first, _gated))(draft, exit_)
    closer = draft.simple(draft.random.choice(("ok", "ok", "slow")))
    draft.connect(exit_, closer.node)
    draft.gate = None
    draft.edges.append({"from": closer.node, "to": "FINISH"})
    return yaml.dump(_document(draft, name, closer.node), Dumper=_Plain, sort_keys=False).encode()


def _single(draft: Draft, before: Exit | None) -> Exit:
    exit_ = draft.add(draft.random.choice(KINDS), before)
    draft.connect(before, exit_.node)
    draft.gate = None
    return exit_


def _parallel(draft: Draft, before: Exit | None) -> Exit:
    branches = [draft.add(draft.random.choice(KINDS), before) for _ in range(draft.random.randint(2, 3))]
    for branch in branches:
        draft.connect(before, branch.node)
    draft.gate = None
    return _joined(draft, branches)


def _branch(draft: Draft, before: Exit | None) -> Exit:
    if before is None or draft.gate is not None:
        return _single(draft, before)
    bound = draft.random.randint(3, 7)
    low, high = (draft.add(draft.random.choice(KINDS), before) for _ in range(2))
    draft.connect(before, low.node, draft.condition(before.path, "<", bound))
    draft.connect(before, high.node, draft.condition(before.path, ">=", bound))
    return _joined(draft, [low, high])


def _first(draft: Draft, before: Exit | None) -> Exit:
    branches = [draft.simple(draft.random.choice(("ok", "slow"))) for _ in range(2)]
    for branch in branches:
        draft.without_reaction(branch.node)
        draft.connect(before, branch.node)
    draft.gate = None
    exit_ = _joined(draft, branches)
    next(node for node in draft.nodes if node["id"] == exit_.node)["join"] = "first"
    return exit_


def _gated(draft: Draft, before: Exit | None) -> Exit:
    """A single node from which large numbers go to a person."""
    exit_ = _single(draft, before)
    bound = draft.random.randint(6, 9)
    draft.edges.append({"from": exit_.node, "to": "HANDOVER", "condition": draft.condition(exit_.path, ">=", bound)})
    condition = draft.condition(exit_.path, "<", bound)
    draft.gate = condition if isinstance(condition, dict) else {"type": "jmespath", "expression": condition}
    return exit_


def _joined(draft: Draft, branches: list[Exit]) -> Exit:
    join = draft.simple(draft.random.choice(("ok", "ok", "slow", "error")))
    for branch in branches:
        draft.connect(branch, join.node)
    return join


def _document(draft: Draft, name: str, closer: str) -> Fields:
    backoff = {
        "kind": draft.random.choice(("fixed", "exponential")),
        "base_ms": draft.random.choice((50, 200, 500)),
        "cap_ms": 1_000,
        "jitter": 0.2,
    }
    sinks: list[Fields] = [
        {"id": "FINISH", "type": "sink", "action": "finish_conversation", "reply": f"{closer}.output.note"},
        {"id": "HANDOVER", "type": "sink", "action": "handover_to_human", "skills": ["support"]},
    ]
    workflow: Fields = {"nodes": [*draft.nodes, *sinks], "edges": draft.edges}
    if len(draft.start) > 1:
        workflow["start"] = draft.start
    return {
        "name": name,
        "version": "1.0.0",
        "limits": {"max_cost": 50.0, "timeout_ms": LONG_MS, "max_retries": 3, "retry_backoff": backoff},
        "hil": {"customer_request_phrases": []},
        "workflow": workflow,
    }


class _Plain(yaml.SafeDumper):
    """The format knows no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True
