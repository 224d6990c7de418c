"""What was spent, and what may be: how do the services that spend money share one ledger and one set of caps?"""

from cost_ledger.applied_caps import (
    EVERY,
    SCOPES,
    WINDOWS,
    AppliedCap,
    Caps,
    Payer,
    ScopeName,
    WindowName,
    applied_caps,
)
from cost_ledger.budget_book import BudgetBook, watched_budgets
from cost_ledger.ledger import Ledger, Publish
from cost_ledger.over_budget import OverBudget, exhausted
from cost_ledger.read_ledger import read_ledger
from cost_ledger.record_lapse import record_lapse, tool_reservation

__all__ = [
    "EVERY",
    "SCOPES",
    "WINDOWS",
    "AppliedCap",
    "BudgetBook",
    "Caps",
    "Ledger",
    "OverBudget",
    "Payer",
    "Publish",
    "ScopeName",
    "WindowName",
    "applied_caps",
    "exhausted",
    "read_ledger",
    "record_lapse",
    "tool_reservation",
    "watched_budgets",
]
