"""A rate lets its burst through, then its share of each minute."""

from hil_inbox.adapters.rate_limits import KEPT_MAX, RateLimits
from hil_inbox.domain.token_bucket import Rate, take

RATE = Rate(per_minute=60, burst=2)


def test_after_its_burst_one_a_second_gets_through() -> None:
    bucket, waits = None, []
    for now_ms in (0, 0, 0, 500, 1_000, 1_001, 60_000, 60_000, 60_000):
        taken = take(bucket, RATE, now_ms=now_ms)
        bucket = taken.bucket
        waits.append(taken.wait_ms)
    assert waits == [0, 0, 1_001, 501, 0, 1_000, 0, 0, 1_001]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    first = take(None, Rate(60, 1), now_ms=10_000)
    assert take(first.bucket, Rate(60, 1), now_ms=0).wait_ms == 1_001


def test_each_has_a_bucket_of_its_own_and_their_number_is_bounded() -> None:
    limits = RateLimits(Rate(1, 1))
    assert [limits.wait_ms(who, now_ms=0) > 0 for who in ("a", "b", "a")] == [False, False, True]
    for number in range(KEPT_MAX):
        limits.wait_ms(str(number), now_ms=0)
    assert limits.wait_ms("a", now_ms=0) == 0
