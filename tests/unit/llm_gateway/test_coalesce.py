"""Do identical requests in flight share one piece of work, whoever of them goes away?"""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.wait_until import wait_until

from llm_gateway.handlers.coalesce import Coalescer


class Work:
    """Ends when it is told to; counts how often it began and was cancelled."""

    def __init__(self) -> None:
        self.began, self.cancelled, self.may_end = 0, 0, asyncio.Event()

    async def __call__(self) -> str:
        self.began += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "done"


async def test_requests_at_the_same_time_share_one_piece_of_work() -> None:
    coalescer, work = Coalescer[str](), Work()
    waiting = [asyncio.create_task(coalescer.once("k", work)) for _ in range(5)]
    await wait_until(lambda: work.began == 1)
    work.may_end.set()
    assert sorted(await asyncio.gather(*waiting)) == [("done", False)] + [("done", True)] * 4
    assert await coalescer.once("k", work) == ("done", False)
    assert work.began == 2


async def test_the_first_may_go_away_and_the_others_get_the_answer() -> None:
    coalescer, work = Coalescer[str](), Work()
    first, second = (asyncio.create_task(coalescer.once("k", work)) for _ in range(2))
    await wait_until(lambda: work.began == 1)
    first.cancel()
    await asyncio.wait([first])
    work.may_end.set()
    assert await second == ("done", True)
    assert first.cancelled() and work.cancelled == 0


async def test_when_nobody_waits_any_more_the_work_is_cancelled_and_later_ones_begin_anew() -> None:
    coalescer, work = Coalescer[str](), Work()
    waiting = [asyncio.create_task(coalescer.once("k", work)) for _ in range(2)]
    await wait_until(lambda: work.began == 1)
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    late = asyncio.create_task(coalescer.once("k", work))
    await wait_until(lambda: (work.began, work.cancelled) == (2, 1))
    work.may_end.set()
    assert await late == ("done", False)


async def test_an_error_is_raised_at_all_who_wait() -> None:
    coalescer = Coalescer[str]()

    async def fails() -> str:
        await asyncio.sleep(0)
        raise ConnectionError("away")

    outcomes = await asyncio.gather(*(coalescer.once("k", fails) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3


async def test_who_joins_waits_no_longer_than_it_may_and_disturbs_nobody() -> None:
    coalescer, work = Coalescer[str](), Work()
    first = asyncio.create_task(coalescer.once("k", work, wait_seconds=0.01))
    await wait_until(lambda: work.began == 1)
    with pytest.raises(TimeoutError):
        await coalescer.once("k", work, wait_seconds=0.02)
    work.may_end.set()
    assert await first == ("done", False)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), callers=st.integers(1, 20))
async def test_whoever_stays_is_answered_and_nothing_is_left_behind(seed: int, callers: int) -> None:
    draw, coalescer = random.Random(seed), Coalescer[int]()
    running: dict[str, int] = {"a": 0, "b": 0}

    def work(key: str) -> "asyncio.Future[int]":
        async def begin() -> int:
            running[key] += 1
            assert running[key] == 1, "two of the same at once"
            try:
                for _ in range(draw.randrange(6)):
                    await asyncio.sleep(0)
                return 7
            finally:
                running[key] -= 1

        return asyncio.ensure_future(begin())

    keys = [draw.choice("ab") for _ in range(callers)]
    tasks = [asyncio.create_task(coalescer.once(key, lambda key=key: work(key))) for key in keys]
    gone = [task for task in tasks if draw.random() < 0.4]
    for task in gone:
        for _ in range(draw.randrange(3)):
            await asyncio.sleep(0)
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    stayed = [outcome for task, outcome in zip(tasks, outcomes, strict=True) if task not in gone]
    assert all(isinstance(outcome, tuple) and outcome[0] == 7 for outcome in stayed)
    running["a"] = 0
    assert await coalescer.once("a", lambda: work("a")) == (7, False)
