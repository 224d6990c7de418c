"""How long is the wait between two attempts?"""

from orchestrator.domain.limits import backoff_ms
from orchestrator.domain.workflow import Backoff


def waits(backoff: Backoff, *, seed: str = "id") -> list[int]:
    return [backoff_ms(backoff, failures, seed=seed) for failures in (1, 2, 3, 4)]


def test_exponential_waits_double() -> None:
    assert waits(Backoff("exponential", base_ms=1_000)) == [1_000, 2_000, 4_000, 8_000]


def test_fixed_waits_stay_the_same() -> None:
    assert waits(Backoff("fixed", base_ms=700)) == [700] * 4


def test_no_wait_is_above_the_cap() -> None:
    assert waits(Backoff("exponential", base_ms=1_000, cap_ms=3_000)) == [1_000, 2_000, 3_000, 3_000]
    assert backoff_ms(Backoff("exponential"), 10_000, seed="id") == 60_000


def test_jitter_spreads_a_wait_within_its_share() -> None:
    found = [backoff_ms(Backoff(base_ms=1_000, jitter=0.2), 1, seed=str(seed)) for seed in range(200)]

    assert all(800 <= wait <= 1_200 for wait in found)
    assert min(found) < 850 and max(found) > 1_150


def test_jitter_is_the_same_whenever_it_is_asked_for() -> None:
    jittered = Backoff(jitter=0.5)

    assert waits(jittered, seed="a") == waits(jittered, seed="a") != waits(jittered, seed="b")
