"""A lease has lapsed: its whole amount counts as spent. How does the ledger learn of it?"""

from datetime import datetime

from contracts.costs import CostEntry
from cost_gate import Lapsed
from cost_ledger.ledger import Ledger

_TOOL = "/tool="


def tool_reservation(tenant: str, command_id: str, tool: str) -> str:
    """The id of the one reservation of a tool call, however often its command is delivered."""
    return f"{tenant}/{command_id}{_TOOL}{tool}"


def record_lapse(ledger: Ledger, lapsed: Lapsed, *, now: datetime) -> None:
    """Nobody settled it: its owner died, or could not reach the gate for too long. Whichever service sweeps records it,
    so that the id says what it was for."""
    tenant, _, rest = lapsed.reservation_id.partition("/")
    command_id, _, tool = rest.partition(_TOOL)
    entry = CostEntry(
        reservation_id=lapsed.reservation_id,
        request_id=command_id if tool else rest.rpartition("/")[0],
        scopes=lapsed.books,
        spent_microdollars=lapsed.amount_microdollars,
        reserved_microdollars=lapsed.amount_microdollars,
        standing="lapsed",
        recorded_ms=int(now.timestamp() * 1000),
        tool=tool or None,
        outcome="unknown",
        quotas=lapsed.quotas,
        calls=1 if lapsed.quotas else 0,
    )
    ledger.add_entry(tenant, entry)
