"""What can the gate answer?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cost_gate.quotas import Quota
from cost_gate.rates import Rate
from cost_gate.scopes import Scope


class Standing(StrEnum):
    """Where a reservation stands. Only NEW and HELD hold money; the others have been counted."""

    NEW = "new"
    HELD = "held"
    LAPSED = "lapsed"
    SETTLED = "settled"
    RELEASED = "released"
    TAKEN_OVER = "taken_over"
    """By another process that asked for the same reservation: only that one may give it back now."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reserved:
    """`standing` is NEW the first time; a repeat of the same id takes nothing and says where the first one
    stands, so that a caller can see that an earlier call may already have cost money. One that was released is NEW
    again."""

    reservation_id: str
    amount_microdollars: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Refused:
    """The first scope, in the order given, that has too little left. Nothing was taken from any scope.
    `could_fit_later`: enough of what is missing is held by others, and may come back when they settle."""

    scope: Scope
    cap_microdollars: int
    spent_microdollars: int
    held_microdollars: int
    could_fit_later: bool = False


@dataclass(frozen=True, slots=True)
class OverQuota:
    """The first quota, in the order given, that has no call left; nothing was taken. `used` of its calls have been made
    in this window and `held` are on their way. `could_fit_later`: some of those may come back before it ends."""

    quota: Quota
    used: int
    held: int
    resets_at: datetime
    could_fit_later: bool = False


@dataclass(frozen=True, slots=True)
class Limited:
    """A rate has no place; nothing was taken. `what` is requests, tokens or concurrent."""

    rate: Rate
    what: str
    retry_after_seconds: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """`before` is the standing that was found: HELD and LAPSED (counted at its maximum, now at the actual)
    are changed; SETTLED and RELEASED are left as they are. `overrun_microdollars` is what was spent beyond
    the reservation; it stands in `spent` of every scope and so blocks the next reservation.
    `spent_microdollars` is what this settlement added to each of `books`, negative where a lapsed one took less;
    `calls` what it added to each of `quotas`."""

    reservation_id: str
    before: Standing
    overrun_microdollars: int
    spent_microdollars: int = 0
    reserved_microdollars: int = 0
    books: tuple[str, ...] = ()
    calls: int = 0
    quotas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A reservation that nobody settled in time: its whole amount was added to each of `books`, a call to each of
    `quotas`."""

    reservation_id: str
    amount_microdollars: int
    books: tuple[str, ...]
    quotas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    spent_microdollars: int
    held_microdollars: int
    overrun_microdollars: int
