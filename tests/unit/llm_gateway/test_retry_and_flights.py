"""Is a failed call tried again only while it helps, and is a command worked on once at a time?"""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.wait_until import wait_until

from llm_gateway.domain.answer import Trouble
from llm_gateway.domain.failure import ErrorClass
from llm_gateway.domain.retry import TRIES_MAX, jitter_of, seconds_for_model, wait_before_retry
from llm_gateway.handlers.single_flight import SingleFlight
from service_kit.errors import RetryLater

LIMITED = Trouble(ErrorClass.RATE_LIMITED, "429")


def test_waits_grow_with_every_try_and_are_spread_by_jitter() -> None:
    waits = [
        wait_before_retry(LIMITED, tries=tries, jitter=jitter, left_seconds=60)
        for tries in (1, 2)
        for jitter in (0.0, 0.5)
    ]
    assert waits == [0.125, 0.25, 0.25, 0.5]


def test_what_the_provider_asks_for_is_the_least_wait() -> None:
    asked = Trouble(ErrorClass.RATE_LIMITED, "429", retry_after_seconds=7)
    assert wait_before_retry(asked, tries=1, jitter=0.9, left_seconds=60) == 7
    assert wait_before_retry(asked, tries=1, jitter=0.9, left_seconds=7) is None


def test_there_is_an_end_to_trying_and_none_where_it_cannot_help() -> None:
    assert wait_before_retry(LIMITED, tries=TRIES_MAX, jitter=0, left_seconds=60) is None
    refused = Trouble(ErrorClass.INVALID_REQUEST, "400")
    assert wait_before_retry(refused, tries=1, jitter=0, left_seconds=60) is None


def test_a_model_with_a_fallback_leaves_it_time() -> None:
    assert seconds_for_model(10, models_after=1) == 6
    assert seconds_for_model(10, models_after=0) == 10


@given(
    st.sampled_from(ErrorClass),
    st.integers(1, 10),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 600),
    st.none() | st.floats(0, 10_000),
)
def test_no_wait_outlasts_the_caller_or_comes_before_the_provider_allows(
    error_class: ErrorClass, tries: int, jitter: float, left: float, asked: float | None
) -> None:
    trouble = Trouble(error_class, "x", retry_after_seconds=asked)
    wait = wait_before_retry(trouble, tries=tries, jitter=jitter, left_seconds=left)
    assert wait is None or (asked or 0) <= wait < left
    assert wait is None or tries < TRIES_MAX
    assert wait is None or wait <= max(asked or 0, 12)


@given(st.text(), st.integers(1, 5))
def test_jitter_is_the_same_every_time_and_below_one(command_id: str, tries: int) -> None:
    assert 0 <= jitter_of(command_id, tries) < 1
    assert jitter_of(command_id, tries) == jitter_of(command_id, tries)


async def test_deliveries_at_the_same_time_work_once_and_later_ones_again() -> None:
    flights, gate, calls = SingleFlight(), asyncio.Event(), []

    async def work() -> None:
        calls.append(1)
        await gate.wait()

    together = [asyncio.create_task(flights.once("c1", work)) for _ in range(5)]
    other = asyncio.create_task(flights.once("c2", work))
    await wait_until(lambda: len(calls) == 2)
    gate.set()
    await asyncio.gather(*together, other)
    assert len(calls) == 2
    await flights.once("c1", work)
    assert len(calls) == 3


async def test_when_the_first_fails_the_others_come_again_later() -> None:
    flights, gate = SingleFlight(), asyncio.Event()

    async def work() -> None:
        await gate.wait()
        raise ValueError("broken")

    first, second = (asyncio.create_task(flights.once("c1", work)) for _ in range(2))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ValueError, match="broken"):
        await first
    with pytest.raises(RetryLater):
        await second
