"""How must an execution of a workflow end, worked out from the YAML alone?

Nothing of the orchestrator is used here: this is the second opinion. Time is left out; where the end depends on which
of two parallel nodes is faster, every end that is possible is expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jmespath

from tests.chaos.directive import (
    calls_of,
    confidence_of,
    note_of,
    number_of,
    number_of_effect,
    output_of,
    read_directive,
)

Fields: TypeAlias = Mapping[str, Any]
Ending: TypeAlias = tuple[str, str | None]
"""Sink and reason code; FINISH has none."""
FINISH: Ending = ("FINISH", None)
SHORT_FORM = ("max_retries", "max_cost", "max_iterations")
"""Limits that `fallback` and `default_response` of a node stand for."""


@dataclass(frozen=True, slots=True)
class Done:
    output: object


@dataclass(frozen=True, slots=True)
class Failed:
    """Ends the execution; `text` is said before."""

    reason: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """No edge leads here any more."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Never starts: something before it failed."""


Result: TypeAlias = Done | Failed | Dead | Blocked


@dataclass(frozen=True, slots=True)
class Expected:
    """`reply` is sent at FINISH; `texts` by reason: default responses. `effects_due` must have happened once by FINISH,
    `effects_possible` may have happened, once at most."""

    endings: frozenset[Ending]
    reply: str
    texts: Mapping[str, frozenset[str | None]]
    effects_due: frozenset[str]
    effects_possible: frozenset[str]


@dataclass(slots=True)
class Simulation:
    """One execution; `place` is tenant/key/turn."""

    document: Fields
    place: str
    results: dict[str, Result] = field(default_factory=dict)
    effects: dict[str, list[str]] = field(default_factory=dict)
    unkeyed: bool = False

    def expected(self) -> Expected:
        standins = {name for node in self.nodes.values() for name in _standins(node)}
        main = [name for name in self.nodes if name not in standins]
        results = {name: self.result(name) for name in main}
        failures = [result for result in results.values() if isinstance(result, Failed)]
        sinks = [name for name in main if self.nodes[name]["type"] == "sink" and isinstance(results[name], Done)]
        endings = {self._sink_ending(name) for name in sinks} | {("HANDOVER", failure.reason) for failure in failures}
        if self.unkeyed:
            endings.add(("HANDOVER", "tool_outcome_unknown"))
        texts: dict[str, frozenset[str | None]] = {}
        for failure in failures:
            texts[failure.reason] = texts.get(failure.reason, frozenset()) | {failure.text}
        due = {effect for name in self._needed("FINISH") for effect in self.effects.get(name, ())}
        every = {effect for effects in self.effects.values() for effect in effects}
        return Expected(
            frozenset(endings or {("HANDOVER", "no_matching_edge")}),
            note_of(self.place, str(self.nodes["FINISH"]["reply"]).partition(".")[0]),
            texts,
            frozenset(due) if "FINISH" in sinks else frozenset(),
            frozenset(every),
        )

    @property
    def nodes(self) -> dict[str, Fields]:
        return {node["id"]: node for node in self.document["workflow"]["nodes"]}

    def result(self, name: str) -> Result:
        if name not in self.results:
            self.results[name] = self._gate(name) or self._run(self.nodes[name], name)
        return self.results[name]

    def _sink_ending(self, name: str) -> Ending:
        sink = self.nodes[name]
        return FINISH if sink["action"] == "finish_conversation" else ("HANDOVER", "workflow_decision")

    def _incoming(self, name: str) -> list[Fields]:
        return [edge for edge in self.document["workflow"]["edges"] if edge["to"] == name]

    def _gate(self, name: str) -> Dead | Blocked | None:
        edges = self._incoming(name)
        if not edges:
            return Dead() if self.nodes[name]["type"] == "sink" else None
        taken = [self._taken(edge) for edge in edges]
        if None in taken and (True not in taken or self.nodes[name].get("join", "all") == "all"):
            return Blocked()
        return None if True in taken else Dead()

    def _taken(self, edge: Fields) -> bool | None:
        source = self.result(edge["from"])
        if isinstance(source, Dead):
            return False
        if not isinstance(source, Done):
            return None
        return "condition" not in edge or bool(_value(edge["condition"], {"output": source.output}))

    def _needed(self, name: str) -> set[str]:
        """Nodes without which `name` cannot have been reached, stand-ins included."""
        taken = [edge["from"] for edge in self._incoming(name) if self._taken(edge)]
        if self.nodes[name].get("join") == "first" and len(taken) > 1:
            taken = []
        return {name, *_standins(self.nodes[name])}.union(*(self._needed(source) for source in taken))

    def _run(self, node: Fields, seen_as: str, text: str | None = None) -> Result:
        """`text` is the default response that a stand-in was given."""
        found = self._outcome(node)
        if not isinstance(found, tuple):
            return found
        limit, reason = found
        reaction = _reaction(node, limit)
        if isinstance(reaction, dict) and "fallback" in reaction:
            passed = node.get("default_response")
            return self._run(self.nodes[reaction["fallback"]], seen_as, passed)
        if isinstance(reaction, dict):
            return Failed(reason, reaction["default_response"])
        return Failed(reason, text if reaction is None and limit in SHORT_FORM else None)

    def _outcome(self, node: Fields) -> Done | Failed | tuple[str, str]:
        """What the node does; a limit that it ran into, with the reason code."""
        match node["type"]:
            case "sink":
                return Done(None)
            case "rule":
                outputs = {name: {"output": r.output} for name, r in self.results.items() if isinstance(r, Done)}
                return Done(_value(node["expression"], outputs))
            case "tool":
                return self._tool(node)
            case "human":
                return self._human(node)
            case "reasoning":
                return self._reasoning(node)
        return self._simple(node)

    def _tool(self, node: Fields) -> Done:
        value = f"{self.place}/{node['id']}"
        self.effects.setdefault(node["id"], []).append(value)
        self.unkeyed = self.unkeyed or node["tool"].startswith("plain.")
        return Done({"number": number_of_effect(value)})

    def _human(self, node: Fields) -> Done | tuple[str, str]:
        directive = read_directive(_filled(node["ask"]))
        assert directive is not None
        if directive.behaviour == "silent":
            return "timeout_ms", "timeout"
        return Done({"value": number_of(self.place, node["id"])})

    def _reasoning(self, node: Fields) -> Done | tuple[str, str]:
        directive = read_directive(_filled(node["prompt"]))
        assert directive is not None
        most = node["limits"]["max_iterations"]
        for iteration in range(1, min(directive.count, most) + 1):
            self.effects.setdefault(node["id"], []).extend(calls_of(self.place, node["id"], iteration))
        if directive.count >= most:
            return "max_iterations", "max_iterations_exceeded"
        return Done(output_of(self.place, node["id"]))

    def _simple(self, node: Fields) -> Done | Failed | tuple[str, str]:
        directive = read_directive(_filled(node["prompt"]))
        assert directive is not None
        match directive.behaviour:
            case "fail":
                return "max_retries", "max_retries_exceeded"
            case "refuse":
                return "max_retries", "node_failed"
            case "never" if "timeout_ms" in node.get("on_limit", {}):
                return "timeout_ms", "timeout"
            case "never":
                return "max_retries", "max_retries_exceeded"
        if confidence_of(self.place, node["id"]) < node.get("confidence_min", 0):
            return Failed("low_confidence")
        return Done(output_of(self.place, node["id"]))


def simulate(document: Fields, place: str) -> Expected:
    """Every end that is right for this workflow at this place."""
    return Simulation(document, place).expected()


def _filled(template: str) -> str:
    """A directive whose place is not filled in yet, with one that can be read."""
    return template.replace("{{ conversation.tenant }}/{{ conversation.id }}/{{ turn.id }}", "place")


def _standins(node: Fields) -> list[str]:
    declared = [node.get("fallback"), *(r.get("fallback") for r in _declared(node))]
    return [name for name in declared if name is not None]


def _declared(node: Fields) -> list[Fields]:
    return [reaction for reaction in node.get("on_limit", {}).values() if isinstance(reaction, dict)]


def _reaction(node: Fields, limit: str) -> Fields | str | None:
    """What the file declares; None is nothing at all."""
    declared: Fields | str | None = node.get("on_limit", {}).get(limit)
    if declared is not None or limit not in SHORT_FORM:
        return declared
    if "fallback" in node:
        return {"fallback": node["fallback"]}
    return {"default_response": node["default_response"]} if "default_response" in node else None


def _value(condition: Fields | str, scope: Fields) -> object:
    """The value of an expression in either language."""
    if isinstance(condition, str):
        return jmespath.search(condition, scope)
    if condition["type"] == "jmespath":
        return jmespath.search(condition["expression"], scope)
    try:
        return eval(condition["expression"], {"__builtins__": {}}, dict(scope))  # written by the generator beside it
    except (KeyError, TypeError):
        return None  # A stand-in's output may lack what the node's would have: docs/workflow-format.md makes it null.
