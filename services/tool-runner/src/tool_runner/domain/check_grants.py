"""Does some grant of the manifest allow this call, and if not, what does each grant lack?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tool_runner.domain.condition import is_true
from tool_runner.domain.grants import Grant
from tool_runner.domain.manifest import Json

NAMED_MAX = 3
"""Grants that a refusal names; `hil tool why` names all."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What grants and approval policies look at."""

    tool: str
    arguments: Json
    tenant: str
    workflow: str = ""
    node: str = ""
    agent: str | None = None
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """By these grants, together."""

    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Why not, without a value of the arguments."""

    reason: str


def permission_of(call: CallFacts, grants: Sequence[Grant], permissions_required: frozenset[str]) -> Allowed | Denied:
    """Deny by default: some grant must hold for the call, and those that hold must add up to what the tool requires."""
    holding = [grant for grant in grants if next(lacks(call, grant), None) is None]
    if not holding:
        return Denied(_nearest(call, grants))
    held = frozenset().union(*(grant.permissions for grant in holding))
    if missing := sorted(permissions_required - held):
        names = ", ".join(grant.name for grant in holding[:NAMED_MAX])
        return Denied(f"it requires {', '.join(missing)}, which {names} does not give")
    return Allowed(tuple(grant.name for grant in holding))


def lacks(call: CallFacts, grant: Grant) -> Iterator[str]:
    """What keeps the grant from holding for the call, nothing where it holds; in the order of the manifest's fields."""
    places = (
        ("tool", call.tool, grant.tools),
        ("agent", call.agent, grant.agents),
        ("workflow", call.workflow, grant.workflows),
        ("node", call.node, grant.nodes),
        ("tenant", call.tenant, grant.tenants),
        ("entity", call.entity, grant.entities),
    )
    for name, value, patterns in places:
        if not _matches(value, patterns):
            yield f"{name} {value or 'is not given'}: not one of {', '.join(patterns[:10])}"
    for condition in grant.when:
        if not is_true(condition, call.arguments):
            yield f"not true of the arguments: {condition}"


def _matches(value: str | None, patterns: Sequence[str]) -> bool:
    """What is not given is matched by `*` alone: `?*` must not let it in, nor must the text of a missing value."""
    if "*" in patterns:
        return True
    return value is not None and value != "" and any(fnmatchcase(value, pattern) for pattern in patterns)


def _nearest(call: CallFacts, grants: Sequence[Grant]) -> str:
    """What the grants lack that speak of the tool; they are few, and the others are of no help."""
    about = [grant for grant in grants if _matches(call.tool, grant.tools)]
    if not about:
        return f"none of {len(grants)} grants names it"
    told = [f"{grant.name}: {next(lacks(call, grant), '')}" for grant in about[:NAMED_MAX]]
    more = f"; and {len(about) - NAMED_MAX} more" if len(about) > NAMED_MAX else ""
    return f"no grant allows it ({'; '.join(told)}{more})"
