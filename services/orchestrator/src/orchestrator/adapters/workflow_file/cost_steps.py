"""What is tried when money has run out, before the reaction to `max_cost`?"""

from collections.abc import Iterator
from typing import Final

from orchestrator.adapters.workflow_file.report import Path, Report
from orchestrator.adapters.workflow_file.values import Fields, integer, mapping, priority, text, texts
from orchestrator.domain.cost_steps import AskHuman, CheaperProfile, CostStep
from orchestrator.domain.workflow import JsonValue, Node, NodeKind

_ASKS_MODELS: Final = frozenset({NodeKind.SIMPLE, NodeKind.REASONING, NodeKind.CODE})
_SPENDS: Final = _ASKS_MODELS | {NodeKind.TOOL}


def cost_steps(on_limit: Fields, path: Path, report: Report) -> tuple[CostStep, ...]:
    """The steps of `max_cost` in an `on_limit` block, in order."""
    steps: list[CostStep] = []
    entries = list(_entries(on_limit))
    for place, (inner, value) in enumerate(entries):
        step, where = _step(value), (*path, *inner)
        if step is None:
            if place < len(entries) - 1:
                report.add(where, "nothing can come after a reaction that ends the node", "put it last in the list")
        elif any(_is_same(step, other) for other in steps):
            report.add(where, "the same step is there twice", "each is taken once")
        else:
            steps.append(step)
    return tuple(steps)


def last_reaction(value: JsonValue) -> JsonValue:
    """What is left of the value of `max_cost` once its steps are taken; none is a handover."""
    entries = value if isinstance(value, list) else [value]
    return next((entry for entry in reversed(entries) if entry is not None and _step(entry) is None), "handover")


def check_cost_steps(node: Node, on_limit: Fields, path: Path, report: Report) -> None:
    """Steps on a node that spends nothing, profiles where no model is asked, and one that is the node's own already."""
    for inner, value in _entries(on_limit):
        step = _step(value)
        name, kinds, hint = "ask_human", _SPENDS, "simple, reasoning, code and tool nodes spend money"
        if isinstance(step, CheaperProfile):
            name, kinds, hint = "cheaper_profile", _ASKS_MODELS, "simple, reasoning and code nodes ask models"
        if step is not None and node.kind not in kinds:
            report.add((*path, *inner), f"`{name}` has no effect on a {node.kind} node", hint)
        elif isinstance(step, CheaperProfile) and step.profile == node.profile:
            report.add((*path, *inner), f"`{step.profile}` is the node's own profile", "name one that costs less")


def cheaper_profiles(on_limit: Fields) -> Iterator[tuple[Path, str]]:
    """Every profile that is named, and where."""
    for inner, value in _entries(on_limit):
        step = _step(value)
        if isinstance(step, CheaperProfile):
            yield (*inner, "cheaper_profile"), step.profile


def _entries(on_limit: Fields) -> list[tuple[Path, JsonValue]]:
    """Each entry of `max_cost` with its path; what was reported as wrong is None."""
    value = on_limit.get("max_cost")
    if isinstance(value, list):
        return [(("max_cost", index), entry) for index, entry in enumerate(value) if entry is not None]
    return [] if value is None else [(("max_cost",), value)]


def _step(value: JsonValue) -> CostStep | None:
    declared = mapping(value)
    if profile := text(declared.get("cheaper_profile")):
        return CheaperProfile(profile)
    if value != "ask_human" and "ask_human" not in declared:
        return None
    asked, default = mapping(declared.get("ask_human")), AskHuman()
    return AskHuman(
        timeout_ms=integer(asked.get("timeout_ms"), default.timeout_ms),
        skills=texts(asked.get("skills")),
        priority=priority(asked.get("priority")),
    )


def _is_same(one: CostStep, other: CostStep) -> bool:
    return one == other or (isinstance(one, AskHuman) and isinstance(other, AskHuman))
