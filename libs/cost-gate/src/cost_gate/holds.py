"""What does a process remember of its own reservations, until the ledger has them?"""

from dataclasses import dataclass

from cost_gate.batch import Arguments
from cost_gate.books import LEASES, OPEN, REBUILD_LOCK, keep_seconds, key_of, record_key, round_key
from cost_gate.outcomes import Standing


@dataclass(slots=True)
class Hold:
    """A reservation of this process. `added_microdollars` is what its settlement added to each book, `calls_added` to
    each quota; None: not settled, or not known to be."""

    books: tuple[str, ...]
    amount_microdollars: int
    lapses_ms: int
    quotas: tuple[str, ...] = ()
    calls_added: int = 0
    added_microdollars: int | None = None
    granted: bool = False
    """Whether it was answered; one that is still asked for is not put back: the answer may be no."""


def put_back_keys(reservation_id: str, hold: Hold, token: str) -> list[str]:
    """Keys of PUT_BACK."""
    books = map(key_of, (*hold.books, *hold.quotas))
    return [OPEN, REBUILD_LOCK, LEASES, record_key(reservation_id), round_key(token), *books]


def put_back_values(reservation_id: str, hold: Hold) -> Arguments:
    """Arguments of PUT_BACK, after the mark and the token."""
    standing = Standing.HELD if hold.added_microdollars is None else Standing.SETTLED
    return [
        reservation_id,
        hold.amount_microdollars,
        hold.lapses_ms,
        standing.value,
        hold.added_microdollars or 0,
        hold.calls_added,
        len(hold.books),
        *map(keep_seconds, (*hold.books, *hold.quotas)),
    ]
