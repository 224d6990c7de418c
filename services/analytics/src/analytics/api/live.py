"""Whoever looks at figures hears when there are newer ones."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from analytics.api.access import Analyst
from service_kit.errors import RetryLater
from service_kit.event_stream import EventStream

SUBSCRIBERS_MAX = 500
TELL_SECONDS = 0.5
BEAT_SECONDS = 10.0


@dataclass(slots=True)
class Places:
    """How many streams are open in this process."""

    taken: int = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place until the end of the block."""
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def live_routes(newest: Callable[[], Awaitable[int]], stop: asyncio.Event) -> APIRouter:
    """/v1/live. It has no end, so it is not in the OpenAPI document, whose operations tools try out."""
    router, places = APIRouter(prefix="/v1", tags=["figures"], include_in_schema=False), Places()

    @router.get("/live")
    async def live(_: Analyst) -> Response:
        """Server-sent events `counted` with `as_of_seq`: at once, after each change at most twice a second, and every
        10 s. The figures themselves are asked for as ever."""
        if places.taken >= SUBSCRIBERS_MAX:
            body = {"error": "too_many_streams", "detail": f"{places.taken} streams are open, the limit of a replica"}
            return JSONResponse(body, status_code=429, headers={"Retry-After": "10"})
        with ExitStack() as place:
            place.enter_context(places.one())
            first = await newest()
            return EventStream(frames(first, newest, stop), place.pop_all())

    return router


async def frames(first: int, newest: Callable[[], Awaitable[int]], stop: asyncio.Event) -> AsyncGenerator[bytes, None]:
    """Until the service stops, or cannot ask the bus any more: then the client comes back and is told why not."""
    told, silent_seconds = first, 0.0
    yield frame(first)
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TELL_SECONDS)
        silent_seconds += TELL_SECONDS
        try:
            now = await newest()
        except RetryLater:
            return
        if now != told or silent_seconds >= BEAT_SECONDS:
            told, silent_seconds = now, 0.0
            yield frame(now)


def frame(sequence: int) -> bytes:
    """One event."""
    return f'event: counted\ndata: {{"as_of_seq":{sequence}}}\n\n'.encode()
