"""Which caps does a call count against?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.completions import Cap

ScopeName = Literal["tenant", "entity", "workflow", "execution", "node", "tool"]
WindowName = Literal["total", "hour", "day", "month"]
SCOPES: tuple[ScopeName, ...] = ("tenant", "entity", "workflow", "execution", "node", "tool")
WINDOWS: tuple[WindowName, ...] = ("total", "hour", "day", "month")
_PAYERS = ("tenant", "entity")
EVERY = "*"
"""As the id of a scope: the cap of each that has none of its own."""
Caps = Mapping[str, int | None]
"""Micro-dollars by window; None says explicitly that it is uncapped."""


@dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a call is made. `execution` is its execution, or what stands for one; `caps` are those that its
    command names; `tool` is the tool that is called."""

    tenant: str
    execution: str
    entity: str | None = None
    workflow: str | None = None
    caps: tuple[Cap, ...] = ()
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedCap:
    """One cap that a call counts against; `cap_microdollars` None is uncapped."""

    scope: str
    id: str
    window: str
    cap_microdollars: int | None


def applied_caps(
    payer: Payer, budgets: Mapping[tuple[str, str, str], Caps], *, execution_cap_microdollars: int
) -> Sequence[AppliedCap]:
    """All caps of a call: those that are set for its tenant, entity, workflow and tool in every window, and those
    that its command names, a raised one instead of the declared where it is higher. A call that nothing else limits
    has the default cap of an execution. `budgets` is by (tenant, scope, id)."""
    found: dict[tuple[str, str, str], int | None] = {}
    named = (
        ("tenant", payer.tenant),
        ("entity", payer.entity),
        ("workflow", payer.workflow),
        ("tool", payer.tool),
    )
    for scope, identity in named:
        if identity:
            for window, microdollars in _caps_of(budgets, payer.tenant, scope, identity).items():
                found[(scope, identity, window)] = microdollars
    named_already: set[tuple[str, str, str]] = set()
    for cap in payer.caps:
        key, declared = (cap.scope, cap.id, "total"), cap.cap_microdollars
        if key in named_already:
            raise ValueError(f"the cap of {cap.scope} {cap.id} is named twice")
        named_already.add(key)
        in_force = budgets.get((payer.tenant, cap.scope, cap.id), {}).get("total", declared)
        # Who pays sets a bound that no command can pass; what a command declares, a human can raise.
        found[key] = _lower(declared, in_force) if cap.scope in _PAYERS else _higher(declared, in_force)
    if not found:
        found[("execution", payer.execution, "total")] = execution_cap_microdollars
    return [AppliedCap(*key, microdollars) for key, microdollars in found.items()]


def _caps_of(budgets: Mapping[tuple[str, str, str], Caps], tenant: str, scope: str, identity: str) -> Caps:
    """Those of the scope itself; what it does not say, all scopes of its kind say."""
    every: Caps = budgets.get((tenant, scope, EVERY), {})
    return {**every, **budgets.get((tenant, scope, identity), {})}


def _higher(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _lower(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
