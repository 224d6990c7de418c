"""A lease has lapsed: its whole amount counts as spent. How does the ledger learn of it?"""

from contracts.costs import CostEntry
from cost_gate import Lapsed
from llm_gateway.handlers.gateway import Gateway


def record_lapse(gateway: Gateway, lapsed: Lapsed) -> None:
    """Nobody settled it: its owner died, or could not reach the gate for too long."""
    tenant, _, rest = lapsed.reservation_id.partition("/")
    entry = CostEntry(
        reservation_id=lapsed.reservation_id,
        request_id=rest.rpartition("/")[0],
        scopes=lapsed.books,
        spent_microdollars=lapsed.amount_microdollars,
        reserved_microdollars=lapsed.amount_microdollars,
        standing="lapsed",
        recorded_ms=int(gateway.now().timestamp() * 1000),
        outcome="unknown",
    )
    gateway.ledger.add_entry(tenant, entry)
