"""May this much money be spent? One atomic call over all scopes, all or nothing, in integer micro-dollars."""

from cost_gate.ask import Ask
from cost_gate.batch import Batch
from cost_gate.books import book_of
from cost_gate.closed import GateClosed
from cost_gate.gate import Gate, connect_gate
from cost_gate.outcomes import Balance, Lapsed, Limited, OverQuota, Refused, Reserved, Settlement, Standing
from cost_gate.quotas import Quota
from cost_gate.rates import LIMIT_MAX, Rate, RateKind
from cost_gate.rebuild import KeepOpen, LedgerDelta
from cost_gate.scopes import (
    AMOUNT_MICRODOLLARS_MAX,
    UNCAPPED,
    Cap,
    Scope,
    ScopeKind,
    Uncapped,
    Window,
    check_scopes,
    scope_of,
)

__all__ = [
    "AMOUNT_MICRODOLLARS_MAX",
    "LIMIT_MAX",
    "UNCAPPED",
    "Ask",
    "Balance",
    "Batch",
    "Cap",
    "Gate",
    "GateClosed",
    "KeepOpen",
    "Lapsed",
    "LedgerDelta",
    "Limited",
    "OverQuota",
    "Quota",
    "Rate",
    "RateKind",
    "Refused",
    "Reserved",
    "Scope",
    "ScopeKind",
    "Settlement",
    "Standing",
    "Uncapped",
    "Window",
    "book_of",
    "check_scopes",
    "connect_gate",
    "scope_of",
]
