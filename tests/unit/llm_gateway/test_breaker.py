"""Does a breaker open for good reasons only, and close when the model is well?"""

from hypothesis import given
from hypothesis import strategies as st

from llm_gateway.domain.breaker import (
    CALLS_MIN,
    OPEN_SECONDS_MAX,
    PROBE_SECONDS,
    WINDOW_SECONDS,
    Breaker,
    Calls,
    Condition,
    after_calls,
    at,
    may_probe,
)

WELL = Breaker(window_began=0.0)


def seen(breaker: Breaker, now: float, **calls: int) -> Breaker:
    return after_calls(breaker, Calls(**calls), now=now, jitter=0.0)


def test_half_of_ten_calls_that_fail_open_it_and_nine_calls_say_nothing() -> None:
    assert seen(WELL, 1, ok=4, failed=5).condition is Condition.CLOSED
    assert seen(WELL, 1, ok=5, failed=5).condition is Condition.OPEN
    assert seen(WELL, 1, ok=6, failed=5).condition is Condition.CLOSED


def test_calls_that_could_not_be_shared_add_up() -> None:
    assert Calls(ok=1, slow=1).and_also(Calls(ok=2, failed=3)) == Calls(ok=3, slow=1, failed=3)


def test_slow_answers_open_it_too() -> None:
    assert seen(WELL, 1, ok=10, slow=8).condition is Condition.OPEN
    assert seen(WELL, 1, ok=10, slow=7).condition is Condition.CLOSED


def test_a_window_that_is_over_is_forgotten() -> None:
    before = seen(WELL, 1, ok=1, failed=8)
    assert seen(before, WINDOW_SECONDS, failed=2) == Breaker(failed=2, window_began=WINDOW_SECONDS)


def test_one_probe_closes_it_or_opens_it_for_longer() -> None:
    opened = seen(WELL, 0, failed=CALLS_MIN)
    assert not may_probe(opened, opened.until - 0.1) and may_probe(opened, opened.until)
    half = at(opened, opened.until)
    assert half.condition is Condition.HALF_OPEN
    assert seen(half, 11, ok=1).condition is Condition.CLOSED
    again = seen(half, 11, failed=1)
    assert (again.condition, again.until - 11) == (Condition.OPEN, 2 * opened.until)


def test_late_reports_change_nothing_while_it_is_open() -> None:
    opened = seen(WELL, 0, failed=CALLS_MIN)
    assert seen(opened, 1, ok=50) == opened


def test_while_a_probe_is_on_its_way_nobody_else_may() -> None:
    half = Breaker(Condition.HALF_OPEN, probing_until=PROBE_SECONDS)
    assert not may_probe(half, 1.0) and may_probe(half, PROBE_SECONDS)
    assert seen(half, 1.0) == half


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)), max_size=40))
def test_it_never_stays_open_for_ever_and_never_opens_without_failures(
    history: list[tuple[float, int, int, int]],
) -> None:
    breaker, now = WELL, 0.0
    for wait, ok, slow, failed in history:
        now += wait
        before = at(breaker, now)
        breaker = after_calls(breaker, Calls(ok, min(slow, ok), failed), now=now, jitter=0.5)
        if breaker.condition is Condition.OPEN:
            assert breaker.until <= now + OPEN_SECONDS_MAX * 1.2
            assert before.condition is Condition.OPEN or failed or breaker.opened_times
    assert at(breaker, now + OPEN_SECONDS_MAX * 2).condition is not Condition.OPEN
