"""Whose money is counted, over which time, and how much may each of them spend?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

# Lua counts in doubles, which are exact up to 2**53; a thousand million dollars is far below that.
AMOUNT_MICRODOLLARS_MAX = 10**15


class ScopeKind(StrEnum):
    TENANT = "tenant"
    ENTITY = "entity"
    WORKFLOW = "workflow"
    EXECUTION = "execution"
    NODE = "node"
    TOOL = "tool"


class Window(StrEnum):
    """Over which time a cap counts. Windows are those of the UTC calendar: each starts from nothing."""

    TOTAL = "total"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Uncapped(Enum):
    """The only way to say that a scope has no cap: None means that nobody has said anything."""

    UNCAPPED = "uncapped"


UNCAPPED = Uncapped.UNCAPPED

Cap = int | Uncapped | None


@dataclass(frozen=True, slots=True)
class Scope:
    """`id` is unique within its kind and carries the tenant. A cap of 0 refuses everything; a cap of None
    inherits: the money is counted here and limited by the other scopes of the same reservation."""

    kind: ScopeKind
    id: str
    cap_microdollars: Cap = None
    window: Window = Window.TOTAL

    def __post_init__(self) -> None:
        cap = self.cap_microdollars
        if isinstance(cap, int) and not 0 <= cap <= AMOUNT_MICRODOLLARS_MAX:
            raise ValueError(f"cap of {self.kind} {self.id} is {cap}, not in 0..{AMOUNT_MICRODOLLARS_MAX}")


def scope_of(tenant: str, kind: str, id: str, *, cap_microdollars: int | None, window: Window = Window.TOTAL) -> Scope:
    """The scope of a cap in a command, where None says explicitly that it is uncapped. Every service counts by this
    id, so that they share one budget."""
    return Scope(ScopeKind(kind), f"{tenant}/{id}", UNCAPPED if cap_microdollars is None else cap_microdollars, window)


def check_scopes(scopes: Sequence[Scope]) -> None:
    """Raises ValueError where money could be counted twice, or nothing says how much there is."""
    if all(scope.cap_microdollars is None for scope in scopes):
        raise ValueError("no scope has a cap, and none says UNCAPPED")
    if len({(scope.kind, scope.id, scope.window) for scope in scopes}) != len(scopes):
        raise ValueError("the same scope is named twice")
