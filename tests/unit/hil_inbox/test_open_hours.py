"""Open time, against a model that looks at every minute by the wall clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from contracts.handover_clocks import OpenHours, SlaTerms
from hil_inbox.domain.open_hours import DAY_MS, NEVER_MS, WEEKDAYS, end_of, open_between

MINUTE_MS = 60_000
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def minute_of_day(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_open(terms: SlaTerms, minute_ms: int) -> bool:
    """By the wall clock alone."""
    local = datetime.fromtimestamp(minute_ms / 1000, tz=ZoneInfo(terms.time_zone))
    minute = local.hour * 60 + local.minute
    return not terms.hours or any(
        WEEKDAYS[local.weekday()] == one.day and minute_of_day(one.since) <= minute < minute_of_day(one.until)
        for one in terms.hours
    )


@st.composite
def hours(draw: st.DrawFn) -> OpenHours:
    since = draw(st.integers(0, 24 * 60 - 1))
    until = draw(st.integers(since + 1, 24 * 60))
    day = draw(st.sampled_from(WEEKDAYS))
    texts = [f"{minute // 60:02}:{minute % 60:02}" for minute in (since, until)]
    return OpenHours.model_validate({"day": day, "since": texts[0], "until": texts[1]})


TERMS = st.builds(SlaTerms, time_zone=st.sampled_from(ZONES), hours=st.lists(hours(), max_size=6).map(tuple))
# Around the nights on which Berlin, New York and Lord Howe change their clocks, too.
STARTS = st.sampled_from([at(f"2026-{day}T00:00") for day in ("03-28", "10-24", "03-07", "10-31", "04-04", "06-10")])
SPRING = SlaTerms(time_zone="Europe/Berlin", hours=(OpenHours(day="sun", since="02:30", until="05:00"),))


@settings(max_examples=40, deadline=None)
@given(TERMS, STARTS, st.integers(0, 1_439), st.integers(0, 1_500), st.integers(1, 600))
@example(SPRING, at("2026-03-28T00:00"), 1_400, 600, 30)
@example(SPRING, at("2026-10-24T00:00"), 1_400, 600, 200)
def test_open_time_is_what_the_wall_clock_says_minute_by_minute(
    terms: SlaTerms, day_ms: int, first: int, length: int, budget: int
) -> None:
    since = day_ms + first * MINUTE_MS
    minutes = range(since, since + length * MINUTE_MS, MINUTE_MS)
    counted = [minute for minute in minutes if is_open(terms, minute)]
    assert open_between(terms, since, since + length * MINUTE_MS) == len(counted) * MINUTE_MS
    end = end_of(terms, since, budget * MINUTE_MS)
    if len(counted) >= budget:
        assert end == counted[budget - 1] + MINUTE_MS
    else:
        assert end > since + length * MINUTE_MS or not minutes


@given(TERMS, STARTS, st.integers(1, 10**8))
@settings(max_examples=30, deadline=None)
def test_until_the_end_exactly_the_asked_time_has_passed(terms: SlaTerms, since: int, open_ms: int) -> None:
    end = end_of(terms, since, open_ms)
    assume(end < NEVER_MS)  # A minute a week would take decades.
    assert open_between(terms, since, end) == open_ms


def test_an_hour_that_does_not_exist_or_comes_twice_counts_as_often_as_it_comes() -> None:
    assert open_between(SPRING, at("2026-03-28T22:00"), at("2026-03-29T22:00")) == 120 * MINUTE_MS
    assert open_between(SPRING, at("2026-10-24T22:00"), at("2026-10-25T22:00")) == 180 * MINUTE_MS


def test_time_that_is_more_than_ten_years_away_is_never() -> None:
    rare = SlaTerms(hours=(OpenHours(day="mon", since="00:00", until="00:01"),))
    assert end_of(rare, 0, 600 * MINUTE_MS) == NEVER_MS
    assert end_of(rare, 0, MINUTE_MS) == 4 * DAY_MS + MINUTE_MS


@pytest.mark.parametrize("until", [0, 999, 1_000])
def test_a_span_that_ends_before_it_begins_holds_nothing(until: int) -> None:
    assert open_between(SlaTerms(), 1_000, until) == 0
