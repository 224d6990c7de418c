"""What is asked of the gate before a call?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cost_gate.batch import Arguments
from cost_gate.books import book_of, keep_seconds, quota_book
from cost_gate.quotas import Quota
from cost_gate.rates import Rate
from cost_gate.scopes import AMOUNT_MICRODOLLARS_MAX, Scope, check_scopes


@dataclass(frozen=True, slots=True)
class Ask:
    """With `amount_min_microdollars` the amount may come out smaller: what the scope with the least has left, but never
    below the minimum. `tokens` counts against rates of tokens. A call that costs nothing needs no scope."""

    reservation_id: str
    scopes: Sequence[Scope]
    amount_microdollars: int
    amount_min_microdollars: int | None = None
    rates: Sequence[Rate] = ()
    tokens: int = 0
    quotas: Sequence[Quota] = ()

    def __post_init__(self) -> None:
        for amount in (self.amount_microdollars, self.least_microdollars):
            check_amount(amount)

    @property
    def least_microdollars(self) -> int:
        """The smallest amount that is of use."""
        least = self.amount_min_microdollars
        return self.amount_microdollars if least is None else min(least, self.amount_microdollars)

    def check(self) -> None:
        """Raises ValueError where something could be counted twice, or nothing says how much money there is."""
        if self.scopes or self.amount_microdollars:
            check_scopes(self.scopes)
        if len({(quota.id, quota.window) for quota in self.quotas}) != len(self.quotas):
            raise ValueError("the same quota is named twice")

    def books(self, now: datetime) -> tuple[str, ...]:
        """The books of its scopes at this time."""
        return tuple(book_of(scope, now) for scope in self.scopes)

    def quota_books(self, now: datetime) -> tuple[str, ...]:
        """The books of its quotas at this time."""
        return tuple(quota_book(quota, now) for quota in self.quotas)

    def limits(self, books: Sequence[str], quota_books: Sequence[str]) -> Arguments:
        """The tail of RESERVE's arguments: per book and quota its limit and how long it is kept, then each rate."""
        limits: Arguments = []
        for scope, book in zip(self.scopes, books, strict=True):
            limits += (_cap_text(scope), keep_seconds(book))
        for quota, book in zip(self.quotas, quota_books, strict=True):
            limits += (quota.calls_max, keep_seconds(book))
        for rate in self.rates:
            limits += (rate.requests_per_minute or "", rate.tokens_per_minute or "", rate.concurrent_max or "")
        return limits


def check_amount(amount: int) -> None:
    """Raises ValueError for an amount that Lua cannot count."""
    if not 0 <= amount <= AMOUNT_MICRODOLLARS_MAX:
        raise ValueError(f"amount is {amount} micro-dollars, not in 0..{AMOUNT_MICRODOLLARS_MAX}")


def _cap_text(scope: Scope) -> str | int:
    cap = scope.cap_microdollars
    return cap if isinstance(cap, int) else ""
