"""Do the queries, templates, JSON Schemas, tool names and profiles that a file holds make sense?"""

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from json_schema import SchemaUnusable, bounded_schema
from orchestrator.adapters.workflow_file.cost_steps import cheaper_profiles
from orchestrator.adapters.workflow_file.nodes import Declared, condition
from orchestrator.adapters.workflow_file.report import Path, Report, did_you_mean
from orchestrator.adapters.workflow_file.values import Fields, listing, mapping, text
from orchestrator.domain.code_answer import CODE_TOOL, TOOL_RESULTS
from orchestrator.domain.expression import BadExpression, check_condition, check_template
from orchestrator.domain.workflow import Condition, JsonValue, NodeKind

# What every condition and template can read; nodes add their ids, an edge the `output` of the node that it leaves.
SCOPE_NAMES: Final = frozenset({"turn", "input", "conversation"})
_QUOTES_HINT: Final = "in JMESPath a text stands in single quotes and a number in backticks; double quotes name a field"


@dataclass(frozen=True, slots=True)
class Known:
    """What else there is; None is not known here, so it is not checked."""

    tools: frozenset[str] | None = None
    profiles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TextChecks:
    """Checks texts of one file and reports on them."""

    names: frozenset[str]
    known: Known
    report: Report

    def check(self, kept: Fields) -> None:
        """Everything in the file; mistakes of structure have been taken out of `kept`."""
        for name, agent in mapping(kept.get("agents")).items():
            self._model_fields(mapping(agent), ("agents", name))
        graph = mapping(kept.get("workflow"))
        for index, node in enumerate(listing(graph.get("nodes"))):
            self._node(mapping(node), ("workflow", "nodes", index))
        for index, edge in enumerate(listing(graph.get("edges"))):
            path = ("workflow", "edges", index, "condition")
            self._condition(mapping(edge).get("condition"), path, self.names | {"output"})
        hil = mapping(kept.get("hil"))
        for index, policy in enumerate(listing(hil.get("policies"))):
            self._condition(mapping(policy).get("when"), ("hil", "policies", index, "when"), self.names)
        self._tools(hil.get("transfer_tools"), ("hil", "transfer_tools"))
        self._profile(text(mapping(hil.get("suggestions")).get("profile")), ("hil", "suggestions", "profile"))
        self._cheaper_profiles(mapping(kept.get("limits")), ("limits",))

    def _node(self, node: Fields, path: Path) -> None:
        self._model_fields(node, path)
        self._condition(node.get("expression"), (*path, "expression"), self.names)
        self._condition(node.get("reply"), (*path, "reply"), self.names)
        self._json_schema(node.get("form"), (*path, "form"))
        self._cheaper_profiles(node, path)
        for name in ("ask", "arguments", "inputs", "metadata"):
            self._templates(node.get(name), (*path, name))
        if TOOL_RESULTS in mapping(node.get("inputs")):
            hint = "give it another name"
            self.report.add((*path, "inputs", TOOL_RESULTS), f"`{TOOL_RESULTS}` holds what tools returned", hint)
        tool = text(node.get("tool"))
        if "*" in tool:
            self.report.add((*path, "tool"), f"`{tool}` is a pattern", "a tool node calls exactly one tool")
        elif tool:
            self._tool(tool, (*path, "tool"))

    def _model_fields(self, declared: Fields, path: Path) -> None:
        for name in ("prompt", "cache"):
            self._templates(declared.get(name), (*path, name))
        self._json_schema(declared.get("output_schema"), (*path, "output_schema"))
        self._tools(declared.get("tools"), (*path, "tools"))
        self._profile(text(declared.get("profile")), (*path, "profile"))

    def _cheaper_profiles(self, declared: Fields, path: Path) -> None:
        for inner, profile in cheaper_profiles(mapping(declared.get("on_limit"))):
            self._profile(profile, (*path, "on_limit", *inner))

    def _profile(self, profile: str, path: Path) -> None:
        if profile and self.known.profiles is not None and profile not in self.known.profiles:
            self.report.add(path, f"unknown profile `{profile}`", did_you_mean(profile, self.known.profiles))

    def _condition(self, value: JsonValue, path: Path, names: frozenset[str]) -> None:
        written = condition(value)
        if written is not None:
            self._read(partial(check_condition, written), path, names, hint=_hint(written))

    def _templates(self, value: JsonValue, path: Path) -> None:
        for inner, template in _texts(value, path):
            self._read(partial(check_template, template), inner, self.names, hint=_QUOTES_HINT)

    def _read(self, names_of: Callable[[], frozenset[str]], path: Path, names: frozenset[str], *, hint: str) -> None:
        try:
            unknown = names_of() - names
        except BadExpression as error:
            self.report.add(path, str(error), hint)
            return
        for name in sorted(unknown):
            if name == "output":
                found = "name the node whose output it is, such as classify.output.intent"
            else:
                found = f"{did_you_mean(name, names)}; {hint}"
            self.report.add(path, f"unknown name `{name}`", found)

    def _tools(self, value: JsonValue, path: Path) -> None:
        for index, tool in enumerate(listing(value)):
            if isinstance(tool, str):
                self._tool(tool, (*path, index))

    def _tool(self, tool: str, path: Path) -> None:
        known = self.known.tools
        if known is not None and not any(fnmatch.fnmatchcase(name, tool) for name in known):
            what = f"no tool matches `{tool}`" if "*" in tool else f"unknown tool `{tool}`"
            self.report.add(path, what, did_you_mean(tool, known))

    def _json_schema(self, value: JsonValue, path: Path) -> None:
        if not isinstance(value, dict):
            return
        try:
            bounded_schema(value, mask=None)
        except SchemaUnusable as error:
            inner = (*path, *getattr(error.__cause__, "instance_path", ()))
            first_line = str(error).splitlines()[0]
            self.report.add(
                inner, f"not a JSON Schema of use: {first_line:.200}", "draft 2020-12, without remote references"
            )


def checks_for(declared: Declared, known: Known, report: Report) -> TextChecks:
    """Checks that know the names of the file's nodes."""
    for name in (SCOPE_NAMES | {"output"}) & declared.nodes.keys():
        report.add(
            (*declared.paths[name], "id"), f"`{name}` cannot name a node", "conditions read something else by it"
        )
    for name, node in declared.nodes.items():
        if node.kind is NodeKind.CODE and known.tools is not None and CODE_TOOL not in known.tools:
            report.add(declared.paths[name], f"a code node needs the tool `{CODE_TOOL}`", "the tools file has none")
    return TextChecks(SCOPE_NAMES | declared.nodes.keys(), known, report)


def _hint(written: Condition) -> str:
    if written.language == "jmespath":
        return _QUOTES_HINT
    return "names, constants, comparisons, in, and, or, not, arithmetic and subscripts are allowed"


def _texts(value: JsonValue, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case list():
            for index, entry in enumerate(value):
                yield from _texts(entry, (*path, index))
        case dict():
            for key, entry in value.items():
                yield from _texts(entry, (*path, key))
        case _:
            pass
