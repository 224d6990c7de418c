"""How much time of open hours lies between two moments, by the wall clock of a place, and when is a span of it over?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from contracts.handover_clocks import OpenHours, SlaTerms

Span = tuple[int, int]
"""From the first millisecond to the one after the last."""

DAY_MS = 86_400_000
DAYS_MAX = 3_660
"""How far ahead hours are looked at: ten years."""
NEVER_MS = 2**53 - 1
"""The largest number that a browser counts exactly; later than anything."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
THURSDAY = 3
"""The week day of the first of January 1970."""


def open_between(terms: SlaTerms, since_ms: int, until_ms: int) -> int:
    """Milliseconds of open hours in [since, until); 0 if it ends before it begins."""
    total = 0
    for start, end in _open_spans(terms, since_ms):
        if start >= until_ms:
            break
        total += min(end, until_ms) - start
    return total


def end_of(terms: SlaTerms, since_ms: int, open_ms: int) -> int:
    """The first moment at which `open_ms` of open hours have passed since `since_ms`; NEVER_MS where that is years
    ahead."""
    left = open_ms
    for start, end in _open_spans(terms, since_ms):
        if end - start >= left:
            return start + left
        left -= end - start
    return NEVER_MS


def ms_of_day(text: str) -> int:
    """`HH:MM` as milliseconds after midnight."""
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000


def _open_spans(terms: SlaTerms, since_ms: int) -> Iterator[Span]:
    """The open spans from a moment on, in order and apart; without hours it is always open."""
    if not terms.hours:
        yield since_ms, NEVER_MS
        return
    zone, week = ZoneInfo(terms.time_zone), _week(terms.hours)
    for start in range(since_ms, since_ms + DAYS_MAX * DAY_MS, DAY_MS):
        for since, until, offset in _stretches(zone, start, start + DAY_MS):
            yield from _open_in(week, since, until, offset=offset)


def _week(hours: Sequence[OpenHours]) -> Mapping[int, Sequence[Span]]:
    """Spans of each week day, in order; overlapping ones made one."""
    by_day: defaultdict[int, list[Span]] = defaultdict(list)
    for one in sorted(hours, key=lambda one: ms_of_day(one.since)):
        since, until = ms_of_day(one.since), ms_of_day(one.until)
        spans = by_day[WEEKDAYS.index(one.day)]
        if spans and since <= spans[-1][1]:
            since, until = spans[-1][0], max(until, spans[-1][1])
            spans.pop()
        spans.append((since, until))
    return by_day


def _stretches(zone: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """At most a day cut where clocks are changed: (since, until, offset from UTC). No place changes twice a day."""
    before, after = _offset(zone, since), _offset(zone, until - 1)
    if before == after:
        yield since, until, before
        return
    low, high = since, until - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    yield since, high, before
    yield high, until, after


def _offset(zone: ZoneInfo, at_ms: int) -> int:
    shift = datetime.fromtimestamp(at_ms // 1000, tz=UTC).astimezone(zone).utcoffset()
    assert shift is not None, "a time with a zone has an offset"
    return round(shift.total_seconds() * 1000)


def _open_in(week: Mapping[int, Sequence[Span]], since: int, until: int, *, offset: int) -> Iterator[Span]:
    local_since, local_until = since + offset, until + offset
    for day in range(local_since // DAY_MS, (local_until - 1) // DAY_MS + 1):
        for opens, closes in week.get((day + THURSDAY) % 7, ()):
            start, end = max(day * DAY_MS + opens, local_since), min(day * DAY_MS + closes, local_until)
            if start < end:
                yield start - offset, end - offset
