"""May this much money be spent? One atomic call over all scopes, all or nothing, in integer micro-dollars."""

from cost_gate.closed import GateClosed
from cost_gate.gate import load_balance, release, reserve, settle, sweep
from cost_gate.outcomes import Balance, Refused, Reserved, Settlement, Standing
from cost_gate.scopes import UNCAPPED, Cap, Scope, ScopeKind, Uncapped

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
    "load_balance",
    "release",
    "reserve",
    "settle",
    "sweep",
]
