"""May this much money be spent? One atomic call over all scopes, all or nothing, in integer micro-dollars."""

from cost_gate.closed import GateClosed, connect_gate
from cost_gate.gate import load_balance, release, reserve, settle, sweep
from cost_gate.outcomes import Balance, Refused, Reserved, Settlement, Standing
from cost_gate.scopes import UNCAPPED, Cap, Scope, ScopeKind, Uncapped, check_scopes, scope_of

__all__ = [
    "UNCAPPED",
    "Balance",
    "Cap",
    "GateClosed",
    "Refused",
    "Reserved",
    "Scope",
    "ScopeKind",
    "Settlement",
    "Standing",
    "Uncapped",
    "check_scopes",
    "connect_gate",
    "load_balance",
    "release",
    "reserve",
    "scope_of",
    "settle",
    "sweep",
]
