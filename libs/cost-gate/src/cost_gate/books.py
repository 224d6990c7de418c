"""Under which names are sums kept in Redis, and for how long?"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cost_gate.quotas import Quota
from cost_gate.rates import Rate
from cost_gate.scopes import Scope, ScopeKind, Window

# One hash tag: every key of the gate lives in one slot, as one atomic script over several scopes needs.
OPEN = "{cost}:open"
"""Mark of complete books: run id of the Redis server, and which rebuilding completed them."""
LEASES = "{cost}:leases"
REBUILD_LOCK = "{cost}:rebuild"
_BOOK = "{cost}:scope:"
_DAY_SECONDS = 24 * 3600
# Scopes that end are forgotten this long after their last reservation; the others are kept.
_KEEP_SECONDS = {str(ScopeKind.EXECUTION): 90 * _DAY_SECONDS, str(ScopeKind.NODE): 90 * _DAY_SECONDS}
# A window is kept a little beyond its end, for settlements of calls that began within it.
_WINDOW_KEEP_SECONDS = {
    Window.HOUR: _DAY_SECONDS,
    Window.DAY: 3 * _DAY_SECONDS,
    Window.MONTH: 35 * _DAY_SECONDS,
}
_FORMATS = {Window.HOUR: "%Y-%m-%dT%H", Window.DAY: "%Y-%m-%d", Window.MONTH: "%Y-%m"}
_WINDOWED = re.compile(r"@(hour|day|month)=([0-9T-]{7,13})\Z")


def book_of(scope: Scope, now: datetime) -> str:
    """Name of the book of a scope at this time, as the ledger names it: `day` books of two days are two books."""
    name = f"{scope.kind}:{scope.id}"
    if scope.window is Window.TOTAL:
        return name
    return f"{name}{_window_text(scope.window, now)}"


def quota_book(quota: Quota, now: datetime) -> str:
    """Name of the book in which the calls of a quota are counted at this time."""
    return f"calls:{quota.id}{_window_text(quota.window, now)}"


def _window_text(window: Window, now: datetime) -> str:
    return f"@{window}={now.astimezone(UTC).strftime(_FORMATS[window])}"


def key_of(book: str) -> str:
    """The book's key in Redis."""
    return _BOOK + book


def book_in(key: str) -> str:
    """The book that a key holds."""
    return key.removeprefix(_BOOK)


@lru_cache(maxsize=10_000)
def keep_seconds(book: str) -> int:
    """How long a book is kept after it was last written; 0 is for ever."""
    windowed = _WINDOWED.search(book)
    if windowed is not None:
        return _WINDOW_KEEP_SECONDS[Window(windowed[1])]
    return _KEEP_SECONDS.get(book.partition(":")[0], 0)


def is_over(book: str, now: datetime) -> bool:
    """Whether a windowed book is of a time so long ago that nothing can ask for it any more."""
    windowed = _WINDOWED.search(book)
    if windowed is None:
        return False
    window = Window(windowed[1])
    oldest = now.astimezone(UTC) - timedelta(seconds=_WINDOW_KEEP_SECONDS[window])
    return windowed[2] < oldest.strftime(_FORMATS[window])


def record_key(reservation_id: str) -> str:
    """The key of a reservation."""
    return f"{{cost}}:reservation:{reservation_id}"


def reservation_in(key: str) -> str:
    """The reservation that a key holds."""
    return key.removeprefix("{cost}:reservation:")


def round_key(token: str) -> str:
    """The key of what was reported to one rebuilding."""
    return f"{{cost}}:rebuild:{token}"


def rate_key(rate: Rate) -> str:
    """The key of the buckets of a rate."""
    return f"{{cost}}:rate:{rate.kind}:{rate.id}"
