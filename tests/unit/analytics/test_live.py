"""Who hears of newer counts, how often, and how few questions does that cost the bus?"""

import asyncio
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from analytics.api import live
from analytics.api.doorkeeper import House
from analytics.api.gate import add_gate
from analytics.api.live import Places, frame, frames, live_routes
from analytics.domain.rollup import Settled
from analytics.handlers.newest_count import NewestCount
from service_kit.errors import RetryLater


class Floor:
    """A bus that counts how often it is asked."""

    def __init__(self) -> None:
        self.floor, self.asked, self.is_away, self.now = 5, 0, False, 0.0

    async def settled(self) -> Settled:
        self.asked += 1
        if self.is_away:
            raise RetryLater("away")
        return Settled("log", self.floor)

    def clock(self) -> float:
        return self.now


async def test_however_many_ask_the_bus_is_asked_twice_a_second() -> None:
    floor = Floor()
    newest = NewestCount(floor.settled, floor.clock)
    assert await asyncio.gather(*(newest() for _ in range(50))) == [5] * 50
    floor.floor, floor.now = 9, 0.4
    assert (await newest(), floor.asked) == (5, 1)
    floor.now = 0.5
    assert (await newest(), floor.asked) == (9, 2)


async def test_a_reading_that_failed_is_no_answer_to_the_next() -> None:
    floor = Floor()
    newest = NewestCount(floor.settled, floor.clock)
    floor.is_away = True
    with pytest.raises(RetryLater):
        await newest()
    floor.is_away = False
    assert await newest() == 5


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.05)


@pytest.mark.usefixtures("quick")
async def test_a_change_is_told_once_silence_is_broken_by_a_beat_and_a_stop_ends_it() -> None:
    floor, stop = Floor(), asyncio.Event()
    told = frames(5, NewestCount(floor.settled, asyncio.get_running_loop().time), stop)
    assert await anext(told) == frame(5)
    assert await anext(told) == frame(5)
    floor.floor = 7
    assert await first_other(told, frame(5)) == frame(7)
    stop.set()
    assert [one async for one in told if one != frame(7)] == []


@pytest.mark.usefixtures("quick")
async def test_a_stream_ends_when_the_bus_is_away_so_that_the_page_says_so() -> None:
    floor = Floor()
    told = frames(5, NewestCount(floor.settled, asyncio.get_running_loop().time), asyncio.Event())
    await anext(told)
    floor.is_away = True
    assert frame(7) not in [one async for one in told]


async def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SUBSCRIBERS_MAX", 0)
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(live_routes(NewestCount(Floor().settled, lambda: 0.0), asyncio.Event()))
    add_gate(app, None, House())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/v1/live")
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_streams")
    assert answer.headers["retry-after"] == "10"


def test_a_place_is_given_back_whatever_happens() -> None:
    places = Places()
    with pytest.raises(ValueError, match="gone"), places.one():
        assert places.taken == 1
        raise ValueError("gone")
    assert places.taken == 0


async def first_other(told: AsyncIterator[bytes], known: bytes) -> bytes:
    """The first frame that is not this one."""
    async for one in told:
        if one != known:
            return one
    raise AssertionError("it ended")
