"""How much time of open hours lies between two moments, and when is a span of it over?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.handover_clocks import OpenHours, SlaTerms

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_MAX = 800
"""How far ahead an end is looked for; terms whose hours are never open have no end before that."""
NEVER_MS = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """Open from `since_ms` until `until_ms`, Unix milliseconds."""

    since_ms: int
    until_ms: int


def open_between(terms: SlaTerms, since_ms: int, until_ms: int) -> int:
    """Milliseconds of open hours in [since, until); 0 if it ends before it begins."""
    if until_ms <= since_ms:
        return 0
    if not terms.hours:
        return until_ms - since_ms
    total = 0
    for span in _spans(terms, since_ms):
        if span.since_ms >= until_ms:
            return total
        total += max(0, min(span.until_ms, until_ms) - max(span.since_ms, since_ms))
    return total


def end_of(terms: SlaTerms, since_ms: int, open_ms: int) -> int:
    """The moment at which `open_ms` of open hours have passed since `since_ms`; NEVER_MS where that is years ahead."""
    if not terms.hours:
        return since_ms + open_ms
    left = open_ms
    for span in _spans(terms, since_ms):
        begin = max(span.since_ms, since_ms)
        if span.until_ms <= begin:
            continue
        if span.until_ms - begin >= left:
            return begin + left
        left -= span.until_ms - begin
    return NEVER_MS


def _spans(terms: SlaTerms, since_ms: int) -> Iterator[Span]:
    """Open spans in order, merged where they touch, from the day before `since_ms` on."""
    zone = _zone(terms.time_zone)
    first = datetime.fromtimestamp(since_ms / 1000, tz=zone).date() - timedelta(days=1)
    kept: Span | None = None
    for ahead in range(DAYS_MAX):
        for span in _spans_of(terms.hours, first + timedelta(days=ahead), zone):
            if kept is None:
                kept = span
            elif span.since_ms <= kept.until_ms:
                kept = Span(kept.since_ms, max(kept.until_ms, span.until_ms))
            else:
                yield kept
                kept = span
    if kept is not None:
        yield kept


def _spans_of(hours: Sequence[OpenHours], day: date, zone: ZoneInfo) -> list[Span]:
    """Those of one day; the clocks of the zone may jump within them."""
    name = DAYS[day.weekday()]
    spans = (Span(_moment(day, one.since, zone), _moment(day, one.until, zone)) for one in hours if one.day == name)
    return sorted((span for span in spans if span.since_ms < span.until_ms), key=lambda span: span.since_ms)


def _moment(day: date, clock: str, zone: ZoneInfo) -> int:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    local = datetime.combine(day, time.fromisoformat(clock), tzinfo=zone)
    return round(local.astimezone(UTC).timestamp() * 1000)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
